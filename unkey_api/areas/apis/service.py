"""Create, show, change and delete APIs, and list their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import structlog

from unkey_api.areas.apis import queries, requirements
from unkey_api.areas.apis.live import LiveApis
from unkey_api.areas.apis.queries import ApiSettingsRow, list_keys
from unkey_api.areas.apis.types import ApiKeepsNoSecrets, ApiProtected, LiveApi
from unkey_api.areas.keys.errors import ApiNotFound, NoVault
from unkey_api.areas.keys.service.get import ShownKey
from unkey_api.areas.keys.types import UNSET, Unset
from unkey_api.areas.parts import Parts
from unkey_api.audit.service import changed_members
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.addresses import read_network
from unkey_api.core.changes import api_changed
from unkey_api.core.errors import InvalidInput, Violation
from unkey_api.core.ids import ApiId, IdPrefix, KeyspaceId
from unkey_api.core.needs import ANY
from unkey_api.core.paging import Page, cut_page
from unkey_api.core.principal import Caller, Principal
from unkey_api.core.rbac import require, require_found
from unkey_api.infra.mysql import ReadsOf, Transaction
from unkey_api.infra.vault import VaultClient, VaultUnavailable


class CreateApi:
    """Creates an API and its keyspace."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, name: str) -> ApiId:
        """Create an API called `name`, which need not be unique, and return its id.

        Raises:
            InsufficientPermissions: The caller may not create APIs.
            StoreUnavailable: Nothing was created.
        """
        require(caller.principal.permissions, requirements.create(caller.principal.workspace_id))
        api_id = ApiId(self._parts.ids.new(IdPrefix.API))
        keyspace_id = KeyspaceId(self._parts.ids.new(IdPrefix.KEYSPACE))
        now = self._parts.now()

        async def work(tx: Transaction) -> None:
            workspace_id = caller.principal.workspace_id
            project_id = await self._parts.projects.ensure(tx, workspace_id)
            await queries.insert_keyspace(tx, queries.NewKeyspace(keyspace_id, workspace_id, project_id, now))
            api = queries.NewApi(api_id, name, workspace_id, project_id, keyspace_id, now)
            await queries.insert_api(tx, api)
            await self._parts.audit.record(tx, caller, [_created(api_id, name)])
            tx.tell(api_changed(workspace_id, api_id, keyspace_id))

        await self._parts.database.transaction("apis.create", work)
        return api_id


def _created(api_id: ApiId, name: str) -> AuditEvent:
    target = AuditTarget(TargetType.API, api_id, name)
    return AuditEvent(AuditAction.API_CREATE, f"Created API {api_id}", (target,))


class GetApi:
    """Shows an API."""

    def __init__(self, apis: LiveApis) -> None:
        self._apis = apis

    async def __call__(self, principal: Principal, api_id: str) -> LiveApi:
        """Return the API.

        Raises:
            InsufficientPermissions: The caller may not read it, whether it exists or not.
            ApiNotFound: There is no such API in the caller's workspace.
            StoreUnavailable: It could not be read.
        """
        workspace_id = principal.workspace_id
        return await require_found(
            principal.permissions,
            lambda: self._apis.find(workspace_id, api_id),
            lambda found: requirements.read(workspace_id, api_id, found.keyspace_id if found else ANY),
            lambda: ApiNotFound.by_id(api_id),
        )


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
            before = await require_found(
                caller.principal.permissions,
                lambda: queries.find_settings_locked(tx, workspace_id, command.api_id),
                lambda row: requirements.update(workspace_id, command.api_id, row.keyspace_id if row else ANY),
                lambda: ApiNotFound.by_id(command.api_id),
            )
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


class DeleteApi:
    """Deletes an API, leaving its keyspace and keys where they are. No key of it verifies any more."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, api_id: str) -> None:
        """Mark the API as deleted. Repeating it raises ApiNotFound.

        Raises:
            InsufficientPermissions: The caller may not delete it, whether it exists or not.
            ApiNotFound: There is no such API in the caller's workspace, or no longer.
            ApiProtected: It has delete protection.
            StoreUnavailable: Nothing was changed.
        """
        workspace_id = caller.principal.workspace_id
        now = self._parts.now()

        async def work(tx: Transaction) -> None:
            api = await require_found(
                caller.principal.permissions,
                lambda: queries.lock_live(tx, workspace_id, api_id),
                lambda row: requirements.delete(workspace_id, api_id, (row and row.key_auth_id) or ANY),
                lambda: ApiNotFound.by_id(api_id),
            )
            if api.delete_protection:
                raise ApiProtected
            await queries.mark_deleted(tx, api_id, workspace_id, now=now)
            await self._parts.audit.record(tx, caller, [_deleted(api)])
            tx.tell(api_changed(workspace_id, api_id, api.key_auth_id))

        await self._parts.database.transaction("apis.delete", work)


def _deleted(api: queries.ApiRow) -> AuditEvent:
    target = AuditTarget(TargetType.API, api.id, api.name)
    return AuditEvent(AuditAction.API_DELETE, f"Deleted API {api.id}", (target,))


_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ListKeysCommand(NamedTuple):
    """Which keys to list."""

    api_id: str
    limit: int
    """At least 1."""
    cursor: str
    """Any text; empty starts at the beginning."""
    external_id: str | None
    """Only keys of this identity."""
    decrypt: bool
    """Whether to show secrets that are kept."""


class ListKeys:
    """Lists the keys of an API."""

    def __init__(self, apis: LiveApis, reads_of: ReadsOf, vault: VaultClient | None) -> None:
        """Take the parts; `vault` is None when none is configured."""
        self._apis = apis
        self._reads_of = reads_of
        self._vault = vault

    async def __call__(self, principal: Principal, command: ListKeysCommand) -> Page[ShownKey]:
        """Return one page of keys by ascending id, disabled and expired ones included.

        A vault that is away is no reason not to list: the keys come without secrets then.

        Raises:
            ApiNotFound: There is no such API in the caller's workspace, or the caller may not read its keys.
            NoVault: `decrypt`, and no vault is configured.
            InsufficientPermissions: `decrypt`, and the caller may read the keys but not decrypt them.
            ApiKeepsNoSecrets: `decrypt`, and the keyspace keeps no secrets.
            StoreUnavailable: They could not be read.
        """
        api = await self._apis.get(principal.workspace_id, command.api_id)
        may_list = requirements.list_keys(api.workspace_id, api.id, api.keyspace_id)
        require(principal.permissions, may_list, hide_as=ApiNotFound)
        vault = self._vault_for(principal, api) if command.decrypt else None
        conn = self._reads_of(api.workspace_id)
        keys = await list_keys(
            conn, api, cursor=command.cursor, external_id=command.external_id, limit=command.limit + 1
        )
        page = cut_page(keys, limit=command.limit, id_of=lambda shown: shown.key.id)
        if vault is None:
            return page
        return Page(await _decrypted(vault, api.workspace_id, page.items), page.next_cursor)

    def _vault_for(self, principal: Principal, api: LiveApi) -> VaultClient:
        if self._vault is None:
            raise NoVault
        require(principal.permissions, requirements.decrypt_keys(api.workspace_id, api.id, api.keyspace_id))
        if not api.store_encrypted_keys:
            raise ApiKeepsNoSecrets
        return self._vault


async def _decrypted(vault: VaultClient, workspace_id: str, keys: Sequence[ShownKey]) -> list[ShownKey]:
    """Return the keys with their secrets, where they are kept; one call to the vault, none for nothing."""
    encrypted: dict[str, str] = {shown.key.id: shown.key.encrypted for shown in keys if shown.key.encrypted}
    if not encrypted:
        return list(keys)
    try:
        secrets = await vault.decrypt_many(workspace_id, encrypted)
    except VaultUnavailable as err:
        _log.warning("keys could not be decrypted", workspace_id=workspace_id, count=len(encrypted), error=err.internal)
        return list(keys)
    return [replace(shown, plaintext=secrets.get(shown.key.id)) for shown in keys]
