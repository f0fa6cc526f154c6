"""The statements that change and remove keys and what belongs to them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from unkey_api.areas.keys import rerolls
from unkey_api.areas.keys.errors import KeyNotFound
from unkey_api.areas.permissions.queries import RoleDetailsRow
from unkey_api.areas.permissions.types import Permission, Role
from unkey_api.core.changes import Change, key_changed
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdentityId, KeyHash, KeyId, KeyspaceId
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement


@dataclass(frozen=True, slots=True)
class LockedKeyRow:
    """A key that nobody else can change before the transaction ends."""

    id: KeyId
    hash: KeyHash
    key_auth_id: KeyspaceId
    remaining_requests: int | None

    def changed(self, workspace_id: str) -> Change:
        """Return what to tell of a change of this key."""
        return key_changed(workspace_id, self.hash, self.key_auth_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChanges:
    """New values of columns, each with whether it is to be written."""

    id: str
    workspace_id: str
    now: UnixMs
    set_name: bool = False
    name: str | None = None
    set_identity_id: bool = False
    identity_id: IdentityId | None = None
    set_meta: bool = False
    meta: str | None = None
    """JSON text."""
    set_expires: bool = False
    expires: datetime | None = None
    set_enabled: bool = False
    enabled: bool = True
    set_remaining: bool = False
    remaining: int | None = None
    set_refill: bool = False
    refill_day: int | None = None
    refill_amount: int | None = None


_EVERY_EPOCH = 2**63 - 1

_LOCK = load_query(__package__, "key_lock", row=LockedKeyRow)
_UPDATE_FIELDS = load_statement(__package__, "key_update_fields")
_UPDATE_CREDITS = load_statement(__package__, "key_update_credits")
_UPDATE_EXPIRES = load_statement(__package__, "key_update_expires")
_UPDATE_DELETED = load_statement(__package__, "key_update_deleted")
_DELETE = load_statement(__package__, "key_delete")
_DELETE_ENCRYPTED = load_statement(__package__, "encrypted_key_delete")
_DELETE_WRITE_OFFS = load_statement(__package__, "key_credit_write_off_delete_before")
_DELETE_LIMITS = load_statement(__package__, "ratelimit_delete_except_names")
_LIST_PERMISSIONS = load_query(__package__, "key_permission_list", row=Permission)
_DELETE_PERMISSIONS = load_statement(__package__, "key_permission_delete_listed")
_DELETE_OTHER_PERMISSIONS = load_statement(__package__, "key_permission_delete_except")
_LIST_ROLES = load_query(__package__, "key_role_list", row=RoleDetailsRow)
_DELETE_ROLES = load_statement(__package__, "key_role_delete")
_DELETE_OTHER_ROLES = load_statement(__package__, "key_role_delete_except")


async def lock(tx: WriteConn, workspace_id: str, key_id: str) -> LockedKeyRow:
    """Keep others from changing the key until the transaction ends. Raises KeyNotFound when it is gone."""
    locked = await tx.fetch_one(_LOCK, {"id": key_id, "workspace_id": workspace_id})
    if locked is None:
        raise KeyNotFound(internal=f"key {key_id} was deleted meanwhile")
    return locked


async def update_fields(tx: WriteConn, changes: FieldChanges) -> bool:
    """Write the changes, stamp the key and lock it. Return False when it is gone."""
    return (await tx.execute(_UPDATE_FIELDS, asdict(changes))).affected > 0


async def set_credits(
    tx: WriteConn, workspace_id: str, key_id: str, remaining: int | None, *, drop_refill: bool
) -> None:
    """Set the balance of a locked key; None is unlimited."""
    params = {"id": key_id, "workspace_id": workspace_id, "remaining": remaining, "drop_refill": drop_refill}
    await tx.execute(_UPDATE_CREDITS, params)


async def set_expiry(tx: WriteConn, workspace_id: str, key_id: str, expires: datetime, *, now: UnixMs) -> None:
    """Give a key an end."""
    await tx.execute(_UPDATE_EXPIRES, {"id": key_id, "workspace_id": workspace_id, "expires": expires, "now": now})


async def mark_deleted(tx: WriteConn, workspace_id: str, key_id: str, *, now: UnixMs) -> bool:
    """Mark the key as deleted. Return False when it is gone already."""
    return (await tx.execute(_UPDATE_DELETED, {"id": key_id, "workspace_id": workspace_id, "now": now})).affected > 0


async def delete(tx: WriteConn, workspace_id: str, key_id: str) -> bool:
    """Remove the key with its links, limits and recoverable secret. Return False when it is gone already."""
    if not (await tx.execute(_DELETE, {"id": key_id, "workspace_id": workspace_id})).affected:
        return False
    await keep_permissions(tx, workspace_id, key_id, ())
    await keep_roles(tx, workspace_id, key_id, ())
    await keep_ratelimits(tx, workspace_id, key_id, ())
    await tx.execute(_DELETE_ENCRYPTED, {"key_id": key_id, "workspace_id": workspace_id})
    await rerolls.forget(tx, workspace_id, key_id)
    await tx.execute(_DELETE_WRITE_OFFS, {"key_id": key_id, "epoch": _EVERY_EPOCH})
    return True


async def keep_ratelimits(tx: WriteConn, workspace_id: str, key_id: str, names: Collection[str]) -> None:
    """Remove the key's limits except those of these names."""
    await tx.execute(_DELETE_LIMITS, {"key_id": key_id, "workspace_id": workspace_id, "names": list(names)})


async def list_permissions(conn: ReadConn, workspace_id: str, key_id: str) -> list[Permission]:
    """Return the permissions given to the key itself, by slug."""
    return await conn.fetch_all(_LIST_PERMISSIONS, {"key_id": key_id, "workspace_id": workspace_id})


async def remove_permissions(tx: WriteConn, workspace_id: str, key_id: str, ids: Collection[str]) -> None:
    """Remove the key's links to these permissions. No ids, no statement."""
    if ids:
        params = {"key_id": key_id, "workspace_id": workspace_id, "permission_ids": list(ids)}
        await tx.execute(_DELETE_PERMISSIONS, params)


async def keep_permissions(tx: WriteConn, workspace_id: str, key_id: str, ids: Collection[str]) -> None:
    """Remove the key's links to permissions except these."""
    params = {"key_id": key_id, "workspace_id": workspace_id, "permission_ids": list(ids)}
    await tx.execute(_DELETE_OTHER_PERMISSIONS, params)


async def list_roles(conn: ReadConn, workspace_id: str, key_id: str) -> list[Role]:
    """Return the roles of the key with their permissions, by name."""
    rows = await conn.fetch_all(_LIST_ROLES, {"key_id": key_id, "workspace_id": workspace_id})
    return [row.as_role() for row in rows]


async def remove_roles(tx: WriteConn, workspace_id: str, key_id: str, ids: Collection[str]) -> None:
    """Remove the key's links to these roles. No ids, no statement."""
    if ids:
        await tx.execute(_DELETE_ROLES, {"key_id": key_id, "workspace_id": workspace_id, "role_ids": list(ids)})


async def keep_roles(tx: WriteConn, workspace_id: str, key_id: str, ids: Collection[str]) -> None:
    """Remove the key's links to roles except these."""
    await tx.execute(_DELETE_OTHER_ROLES, {"key_id": key_id, "workspace_id": workspace_id, "role_ids": list(ids)})
