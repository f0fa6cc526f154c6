"""Keys as their owners see them: live ones, by id or by secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from unkey_api.areas.keys import requirements
from unkey_api.areas.keys.errors import KeyNotFound
from unkey_api.areas.keys.types import HeldByKey
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import ApiId, IdentityId, KeyHash, KeyId, KeyspaceId
from unkey_api.core.principal import Principal
from unkey_api.core.rbac import Requirement, require
from unkey_api.infra.mysql import ReadConn, load_query


@dataclass(frozen=True, slots=True)
class LiveKey:
    """A key that is not deleted, in an API, a keyspace and a workspace that are not deleted either."""

    id: KeyId
    hash: KeyHash
    start: str
    name: str | None
    workspace_id: str
    for_workspace_id: str | None
    keyspace_id: KeyspaceId
    identity_id: IdentityId | None
    meta: str | None
    """JSON text."""
    expires: UnixMs | None
    enabled: bool
    remaining_requests: int | None
    refill_day: int | None
    refill_amount: int | None
    api_id: ApiId
    api_name: str
    store_encrypted_keys: bool
    default_prefix: str | None
    default_bytes: int | None
    encrypted: str | None
    """The secret as the vault encrypted it; None for a key that is not recoverable."""

    def needs(self, action: str) -> Requirement:
        """Return what an action on this key needs."""
        return requirements.on_key(self.workspace_id, self.api_id, self.keyspace_id, self.id, action)

    def needs_grants(self, *rbac_actions: str) -> Requirement:
        """Return what changing its permissions or roles needs."""
        return requirements.change_grants(self.workspace_id, self.api_id, self.keyspace_id, self.id, *rbac_actions)


@dataclass(frozen=True, slots=True)
class KeyDetails(HeldByKey):
    """What is shown of a key beyond its own columns."""

    created_at: UnixMs
    updated_at: UnixMs | None
    last_used_at: UnixMs
    """0 until it is used."""

    @property
    def permissions(self) -> list[str]:
        """All slugs, direct and through roles, each once, sorted."""
        return sorted({*(self.direct_permissions or ()), *(self.role_permissions or ())})


@dataclass(frozen=True, slots=True)
class _KeyIdRow:
    id: KeyId


_FIND = load_query(__package__, "live_key_find_by_id", row=LiveKey)
_FIND_DETAILS = load_query(__package__, "key_details_find", row=KeyDetails)
_FIND_ID = load_query(__package__, "key_find_id_by_hash", row=_KeyIdRow)


async def get_key(conn: ReadConn, principal: Principal, key_id: str) -> LiveKey:
    """Return a live key of the caller's workspace.

    Raises:
        KeyNotFound: There is none. A key of another workspace gives the very same answer.
    """
    key = await conn.fetch_one(_FIND, {"id": key_id, "workspace_id": principal.workspace_id})
    if key is None:
        raise KeyNotFound(internal=f"key {key_id} is absent, deleted or of another workspace")
    return key


async def get_key_for(
    conn: ReadConn, principal: Principal, key_id: str, needs: Callable[[LiveKey], Requirement]
) -> LiveKey:
    """Return the same to a caller who may do with the key what `needs` asks for.

    Raises:
        KeyNotFound: As `get_key` does, whatever the caller may do.
        InsufficientPermissions: The caller may not.
    """
    key = await get_key(conn, principal, key_id)
    require(principal.permissions, needs(key))
    return key


async def get_key_by_hash(conn: ReadConn, principal: Principal, key_hash: KeyHash) -> LiveKey:
    """Return the live key with this hash. Raises as `get_key` does, after one statement whoever else has such a key."""
    row = await conn.fetch_one(_FIND_ID, {"hash": key_hash, "workspace_id": principal.workspace_id})
    if row is None:
        raise KeyNotFound(internal="no key of the workspace has this hash")
    return await get_key(conn, principal, row.id)


async def get_details(conn: ReadConn, key: LiveKey) -> KeyDetails:
    """Return what is shown of a key. Raises KeyNotFound when it was removed meanwhile."""
    details = await conn.fetch_one(_FIND_DETAILS, {"id": key.id, "workspace_id": key.workspace_id})
    if details is None:
        raise KeyNotFound(internal=f"key {key.id} was removed meanwhile")
    return details
