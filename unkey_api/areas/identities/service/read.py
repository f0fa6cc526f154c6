"""Show identities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from unkey_api.areas.identities import queries, requirements
from unkey_api.areas.identities.errors import IdentityNotFound
from unkey_api.areas.identities.types import Identity, IdentityRatelimit
from unkey_api.areas.ratelimit.attached import AttachedLimit
from unkey_api.core.ids import IdentityId
from unkey_api.core.paging import Page, cut_page, substring_pattern
from unkey_api.core.principal import Principal
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import ReadConn, ReadsOf


class GetIdentity:
    """Shows one identity."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, key: str) -> Identity:
        """Return the identity with this id, else the one with this external id.

        Raises:
            IdentityNotFound: There is none.
            InsufficientPermissions: There is one, and the caller may not read it.
            StoreUnavailable: It could not be read.
        """
        found = await find_identity(self._reads_of(principal.workspace_id), principal.workspace_id, key)
        require(principal.permissions, requirements.read(principal.workspace_id, found.id))
        return found


class ListIdentities:
    """Lists the identities of a workspace."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, *, cursor: str, search: str, limit: int) -> Page[Identity]:
        """Return at most `limit` identities by ascending id, the first not below `cursor`, with two statements.

        Args:
            principal: Who asks.
            cursor: Any text; empty starts at the beginning.
            search: Part of an id or external id in whatever letter case; blank means all.
            limit: At least 1.

        Raises:
            InsufficientPermissions: The caller may not read one of the page. An empty page needs no permission.
            StoreUnavailable: They could not be read.
        """
        workspace_id = principal.workspace_id
        conn = self._reads_of(workspace_id)
        rows = await queries.list_page(
            conn, workspace_id, cursor=cursor, pattern=substring_pattern(search), limit=limit + 1
        )
        page = cut_page(rows, limit=limit, id_of=lambda row: row.id)
        for row in page.items:
            require(principal.permissions, requirements.read_in_list(workspace_id, row.id))
        return Page(await with_ratelimits(conn, workspace_id, page.items), page.next_cursor)


async def find_identity(conn: ReadConn, workspace_id: str, key: str) -> Identity:
    """Return the live identity with this id, else the one with this external id.

    Raises:
        IdentityNotFound: There is none in the workspace.
    """
    row = await queries.find_by_key(conn, workspace_id, key)
    if row is None:
        raise IdentityNotFound
    return (await with_ratelimits(conn, workspace_id, [row]))[0]


async def with_ratelimits(conn: ReadConn, workspace_id: str, rows: Sequence[queries.IdentityRow]) -> list[Identity]:
    """Return the identities together with their limits, in the same order. One statement, none for no rows."""
    limits: dict[IdentityId, list[IdentityRatelimit]] = defaultdict(list)
    for found in await queries.list_ratelimits(conn, workspace_id, [row.id for row in rows]):
        limits[found.identity_id].append(ratelimit_of(found))
    return [Identity(row.id, row.external_id, row.meta, tuple(limits[row.id])) for row in rows]


def ratelimit_of(row: queries.RatelimitRow) -> IdentityRatelimit:
    """Return a stored limit as the rest of the service sees it."""
    return IdentityRatelimit(row.id, AttachedLimit(row.name, row.limit, row.duration, row.auto_apply))
