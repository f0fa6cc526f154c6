"""Change an API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from unkey_api.areas.apis import queries, requirements
from unkey_api.areas.apis.queries import ApiSettingsRow
from unkey_api.areas.keys.errors import ApiNotFound, NoVault
from unkey_api.areas.keys.types import UNSET, Unset
from unkey_api.areas.parts import Parts
from unkey_api.audit.changes import changed_members
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.addresses import read_network
from unkey_api.core.changes import api_changed
from unkey_api.core.errors import InvalidInput, Violation
from unkey_api.core.needs import ANY
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require_unseen
from unkey_api.infra.mysql import Transaction

T = TypeVar("T")

WHITELIST_CHARACTERS_MAX = 512
"""What the column holds."""
_CHANGEABLE = (
    "name", "ip_whitelist", "default_prefix", "default_bytes", "store_encrypted_keys", "delete_protection",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateApiCommand:
    """What to change about an API. None clears."""

    api_id: str
    name: str | Unset = UNSET
    ip_whitelist: tuple[str, ...] | Unset = UNSET
    """Addresses and networks; none at all lets keys be used from everywhere."""
    default_prefix: str | Unset | None = UNSET
    default_bytes: int | Unset | None = UNSET
    store_encrypted_keys: bool | Unset = UNSET
    delete_protection: bool | Unset = UNSET


class UpdateApi:
    """Changes an API; what is not mentioned stays."""

    def __init__(self, parts: Parts, *, has_vault: bool) -> None:
        self._parts = parts
        self._has_vault = has_vault

    async def __call__(self, caller: Caller, command: UpdateApiCommand) -> ApiSettingsRow:
        """Make all changes or none and return the API as it is now. May be repeated.

        Raises:
            InsufficientPermissions: The caller may not change it, whether it exists or not.
            ApiNotFound: There is no such API in the caller's workspace, or no longer.
            InvalidInput: An entry of the list is neither an address nor a network, or the list is too long.
            NoVault: Secrets are to be kept, and nothing could encrypt them.
            StoreUnavailable: Nothing was changed.
        """
        workspace_id, now = caller.principal.workspace_id, self._parts.now()

        async def work(tx: Transaction) -> ApiSettingsRow:
            before = await require_unseen(
                caller.principal.permissions,
                lambda: queries.find_settings_locked(tx, workspace_id, command.api_id),
                lambda row: requirements.update(workspace_id, command.api_id, row.keyspace_id if row else ANY),
            )
            if before is None:
                raise ApiNotFound(internal=f"api {command.api_id} is absent, deleted or of another workspace")
            after = _merged(before, command)
            if after.store_encrypted_keys and not before.store_encrypted_keys and not self._has_vault:
                raise NoVault
            if after != before:
                await queries.update_settings(tx, workspace_id, after, now=now)
                await self._parts.audit.record(tx, caller, [_updated(before, after)])
                tx.tell(api_changed(workspace_id, after.id, after.keyspace_id))
            return after

        return await self._parts.database.transaction("apis.update", work)


def joined(entries: Sequence[str]) -> str | None:
    """Return the entries as they are stored, each in its canonical form and once; None for none.

    Raises:
        InvalidInput: An entry is neither an address nor a network, or together they are too long.
    """
    canonical = dict.fromkeys(_canonical(place, entry) for place, entry in enumerate(entries))
    text = ",".join(canonical)
    if len(text) > WHITELIST_CHARACTERS_MAX:
        message = f"the entries take {len(text)} characters, at most {WHITELIST_CHARACTERS_MAX} fit"
        raise _refused("/properties/ipWhitelist", message, "List networks instead of single addresses.")
    return text or None


def _canonical(place: int, entry: str) -> str:
    # The zone of a link-local address means something on one machine only.
    network = None if "%" in entry else read_network(entry.strip())
    if network is None:
        message = f"'{entry}' is neither an IP address nor a network"
        raise _refused(
            f"/properties/ipWhitelist/{place}", message, "Write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32."
        )
    return str(network.network_address if network.num_addresses == 1 else network)


def _refused(location: str, message: str, fix: str) -> InvalidInput:
    return InvalidInput(f"`ipWhitelist`: {message}.", violations=(Violation(location, message, fix),))


def _merged(before: ApiSettingsRow, command: UpdateApiCommand) -> ApiSettingsRow:
    entries = command.ip_whitelist
    whitelist = before.ip_whitelist if isinstance(entries, Unset) else joined(entries)
    return replace(
        before,
        name=_either(command.name, before.name),
        ip_whitelist=whitelist,
        default_prefix=_either(command.default_prefix, before.default_prefix),
        default_bytes=_either(command.default_bytes, before.default_bytes),
        store_encrypted_keys=_either(command.store_encrypted_keys, before.store_encrypted_keys),
        delete_protection=_either(command.delete_protection, before.delete_protection),
    )


def _either(wanted: T | Unset, stored: T) -> T:
    return stored if isinstance(wanted, Unset) else wanted


def _updated(before: ApiSettingsRow, after: ApiSettingsRow) -> AuditEvent:
    shown = [{name: getattr(row, name) for name in _CHANGEABLE} for row in (before, after)]
    target = AuditTarget(TargetType.API, after.id, after.name, changed_members(*shown))
    return AuditEvent(AuditAction.API_UPDATE, f"Updated API {after.id}", (target,))
