"""List root keys."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.areas.rootkeys import queries, requirements
from unkey_api.areas.rootkeys.queries import RootKeyRow
from unkey_api.areas.rootkeys.service.parts import RootKeyParts
from unkey_api.areas.rootkeys.types import RootKey
from unkey_api.core.ids import KeyId
from unkey_api.core.needs import ANY
from unkey_api.core.paging import Page, cut_page
from unkey_api.core.principal import Principal
from unkey_api.core.rbac import is_allowed
from unkey_api.infra.mysql import ReadConn, Transaction

SCAN = 1_000  # ids looked at per statement while searching for those a caller with a few grants may read


class ListRootKeys:
    """Lists the root keys a caller may read, as of now: who was revoked does not learn which keys there are."""

    def __init__(self, parts: RootKeyParts) -> None:
        self._parts = parts

    async def __call__(self, principal: Principal, *, limit: int, cursor: str) -> Page[RootKey]:
        """Return one page, ascending by id. Keys the caller may not read neither show nor count.

        Args:
            principal: The caller.
            limit: How many keys the page may hold, at least 1.
            cursor: Where the page begins, as the previous one said; empty for the first.

        Raises:
            AppError: The caller was revoked meanwhile, as `HeldCaller` says.
            StoreUnavailable: They could not be read.
        """
        callers = self._parts.callers

        async def read(tx: Transaction) -> Page[RootKey]:
            current = await (await callers.lock(tx, principal)).judge(tx)
            return await self._page(tx, current, limit=limit, cursor=cursor)

        return await self._parts.database.transaction("root_keys.list", read)

    async def _page(self, conn: ReadConn, principal: Principal, *, limit: int, cursor: str) -> Page[RootKey]:
        workspace_id = principal.workspace_id
        everything = is_allowed(principal.permissions, requirements.on_root_key(workspace_id, ANY, "read"))
        if everything:
            ids = await queries.list_ids(conn, workspace_id, first=cursor, count=limit + 1)
        else:
            ids = await self._readable(conn, principal, limit + 1, cursor)
        page = cut_page(ids, limit=limit, id_of=str)
        rows = await queries.list_by_ids(conn, workspace_id, page.items)
        return Page(await self._with_grants(conn, rows), page.next_cursor)

    async def _readable(self, conn: ReadConn, principal: Principal, wanted: int, cursor: str) -> list[KeyId]:
        found: list[KeyId] = []
        first, fresh = cursor, True
        while True:
            ids = await queries.list_ids(conn, principal.workspace_id, first=first, count=SCAN)
            for key_id in ids if fresh else ids[1:]:
                if is_allowed(principal.permissions, requirements.on_root_key(principal.workspace_id, key_id, "read")):
                    found.append(key_id)
                    if len(found) == wanted:
                        return found
            if len(ids) < SCAN:
                return found
            first, fresh = ids[-1], False

    async def _with_grants(self, conn: ReadConn, rows: Sequence[RootKeyRow]) -> list[RootKey]:
        held: dict[str, set[str]] = {row.id: set() for row in rows}
        for grant in await queries.list_grants(conn, list(held)):
            held[grant.key_id].add(grant.permission)
        return [
            RootKey(
                id=row.id,
                name=row.name or None,
                start=row.start,
                enabled=row.enabled,
                created_at=row.created_at_m,
                last_used_at=row.last_used_at,
                expires=row.expires,
                permissions=tuple(sorted(held[row.id])),
            )
            for row in rows
        ]
