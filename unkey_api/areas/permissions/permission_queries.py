"""The table of permissions, as far as managing permissions needs it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from unkey_api.areas.permissions.queries import NewPermission
from unkey_api.areas.permissions.types import Permission, StoredPermission
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import PermissionId
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement

_PKS_AT_ONCE = 1_000  # keeps statements short when very many keys have a permission


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link, by its row number."""

    pk: int


_FIND_BY_KEY = load_query(__package__, "permission_find_by_key", row=StoredPermission)
_FIND_LOCKED = load_query(__package__, "permission_find_locked", row=StoredPermission)
_LIST = load_query(__package__, "permission_list", row=Permission)
_INSERT = load_statement(__package__, "permission_insert_new")
_UPDATE = load_statement(__package__, "permission_update")
_DELETE = load_statement(__package__, "permission_delete")
_DELETE_ROLE_LINKS = load_statement(__package__, "role_permission_delete_by_permission")
_LIST_KEY_LINKS = load_query(__package__, "key_permission_list_by_permission", row=LinkRow)
_DELETE_KEY_LINKS = load_statement(__package__, "key_permission_delete_by_pks")


async def find_by_key(conn: ReadConn, workspace_id: str, key: str) -> StoredPermission | None:
    """Return the permission with this id or else this slug."""
    return await conn.fetch_one(_FIND_BY_KEY, {"workspace_id": workspace_id, "key": key})


async def find_locked(tx: WriteConn, workspace_id: str, permission_id: PermissionId) -> StoredPermission | None:
    """Return the permission as it is now, locked."""
    return await tx.fetch_one(_FIND_LOCKED, {"workspace_id": workspace_id, "id": permission_id})


async def list_page(
    conn: ReadConn, workspace_id: str, *, cursor: str, pattern: str | None, limit: int
) -> list[Permission]:
    """Return at most `limit` permissions by ascending id, the first not below `cursor`.

    `pattern` is a LIKE pattern with `!` as its escape; None matches all.
    """
    params = {"workspace_id": workspace_id, "cursor": cursor, "pattern": pattern, "limit": limit}
    return await conn.fetch_all(_LIST, params)


async def insert(tx: WriteConn, permission: NewPermission) -> None:
    """Insert a permission. Raises DuplicateKey when its slug is taken."""
    await tx.execute(_INSERT, asdict(permission))


async def update(tx: WriteConn, workspace_id: str, permission: StoredPermission, *, now: UnixMs) -> None:
    """Give a permission a new name, slug and description. Raises DuplicateKey when the slug is taken."""
    params = asdict(permission) | {"workspace_id": workspace_id, "now": now}
    del params["project_id"]
    await tx.execute(_UPDATE, params)


async def delete(tx: WriteConn, workspace_id: str, permission_id: PermissionId) -> bool:
    """Delete a permission and say whether it was there."""
    return (await tx.execute(_DELETE, {"workspace_id": workspace_id, "id": permission_id})).affected > 0


async def delete_links(tx: WriteConn, workspace_id: str, permission_id: PermissionId) -> None:
    """Take a permission from all roles and keys."""
    params = {"workspace_id": workspace_id, "permission_id": permission_id}
    await tx.execute(_DELETE_ROLE_LINKS, params)
    pks = [row.pk for row in await tx.fetch_all(_LIST_KEY_LINKS, params)]
    for start in range(0, len(pks), _PKS_AT_ONCE):
        chunk = pks[start : start + _PKS_AT_ONCE]
        await tx.execute(_DELETE_KEY_LINKS, {"workspace_id": workspace_id, "pks": chunk})
