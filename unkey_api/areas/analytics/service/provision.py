"""Give a workspace its ClickHouse login."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from unkey_api.areas.analytics import queries
from unkey_api.areas.analytics.service import login_statements as statements
from unkey_api.areas.analytics.tables import ALL_TABLES
from unkey_api.areas.analytics.types import Quotas
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.errors import InvalidInput
from unkey_api.core.secret import Secret
from unkey_api.infra.clickhouse.client import ClickHouseClient, ClickHouseRefused
from unkey_api.infra.mysql import Database, WriteConn
from unkey_api.infra.vault import VaultClient

PASSWORD_LENGTH = 64
_SIGNS = "-_.~"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ALPHABET = _LETTERS + _LETTERS.upper() + "0123456789" + _SIGNS
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class LoginRefused(InvalidInput):
    """ClickHouse does not let us manage users; the sentence says what it said."""


class ProvisionWorkspace:
    """Writes the settings, then brings ClickHouse in line with them. Safe to repeat; a password stays what it was."""

    def __init__(
        self,
        database: Database,
        vault: VaultClient,
        clickhouse: ClickHouseClient,
        *,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._vault = vault
        self._clickhouse = clickhouse
        self._clock = clock
        self._random_bytes = random_bytes

    async def __call__(self, workspace_id: str, quotas: Quotas) -> int:
        """Set up a workspace and return for how many days its rows can be asked.

        Raises:
            InvalidInput: The workspace has no limits, or an id that cannot be a user's name.
            LoginRefused: ClickHouse does not do it. The settings are written; repeat the call.
            ClickHouseUnavailable, StoreUnavailable, VaultUnavailable: Something is away; the same holds.
        """
        days = await queries.find_retention(self._database.primary, workspace_id)
        if days is None:
            raise InvalidInput(
                f"Workspace {workspace_id} has no limits. Set them with `unkey-api workspace set-limits`."
            )
        password = await self._password(workspace_id, quotas)
        try:
            await self._configure(workspace_id, password.reveal(), quotas, days)
        except ClickHouseRefused as error:
            raise LoginRefused(
                f"ClickHouse refused to set up the login (error {error.number} {error.name}). The login of "
                "`clickhouse.url` needs the right to manage users. The embedded ClickHouse has no users at all.",
                internal=error.text,
            ) from error
        return days

    async def _password(self, workspace_id: str, quotas: Quotas) -> Secret:
        """Write the settings and return the password that holds, which is another one's when two do this at once."""
        fresh = await self._vault.encrypt(workspace_id, Secret(new_password(self._random_bytes)))
        now = UnixMs(self._clock.now_ms())

        async def work(tx: WriteConn) -> None:
            await queries.upsert_settings(tx, workspace_id, quotas, password_encrypted=fresh.encrypted, now=now)

        await self._database.transaction("analytics.provision", work)
        settings = await queries.find_settings(self._database.primary, workspace_id)
        if settings is None:
            raise InvalidInput(f"The settings of {workspace_id} were deleted meanwhile. Try again.")
        return await self._vault.decrypt(workspace_id, settings.password_encrypted)

    async def _configure(self, workspace_id: str, password: str, quotas: Quotas, days: int) -> None:
        user = workspace_id
        await self._clickhouse.execute(statements.create_user(user, password))
        try:
            await self._clickhouse.execute(statements.revoke_everything(user))
        except ClickHouseRefused as error:
            _log.warning(
                "could not revoke the rights of a workspace's login", workspace_id=workspace_id, code=error.number
            )
        for statement in (
            *statements.grants(user, ALL_TABLES),
            *statements.row_policies(user, workspace_id, ALL_TABLES, days=days),
            statements.quota(user, workspace_id, quotas),
            statements.settings_profile(user, workspace_id, quotas),
        ):
            await self._clickhouse.execute(statement)


def new_password(random_bytes: Callable[[int], bytes]) -> str:
    """Return a password of 64 characters with a small and a capital letter, a digit and a sign in it."""
    while True:
        # 256 is no multiple of the alphabet's length: the bytes beyond one would favour some characters.
        drawn = [byte for byte in random_bytes(PASSWORD_LENGTH * 4) if byte < 256 - 256 % len(_ALPHABET)]
        password = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in drawn[:PASSWORD_LENGTH])
        kinds = (_LETTERS, _LETTERS.upper(), "0123456789", _SIGNS)
        if len(password) == PASSWORD_LENGTH and all(any(mark in kind for mark in password) for kind in kinds):
            return password
