"""List namespaces."""

from __future__ import annotations

from unkey_api.areas.ratelimit import queries, requirements
from unkey_api.areas.ratelimit.queries import ListedNamespaceRow
from unkey_api.core.errors import InvalidInput, Violation
from unkey_api.core.ids import NamespaceId
from unkey_api.core.paging import Page, cut_page, substring_pattern
from unkey_api.core.principal import Principal
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import ReadsOf


class UnknownCursor(InvalidInput):
    """The cursor is the id of no namespace of the workspace, be it live or deleted."""

    def __init__(self) -> None:
        fix = "Send `pagination.cursor` of the previous page as it was, or leave it out to start with the newest."
        violation = Violation("/properties/cursor", "cursor: is not the id of a namespace", fix)
        super().__init__(f"`cursor` is not the id of a namespace. {fix}", violations=(violation,))


class ListNamespaces:
    """Lists the namespaces of a workspace that a caller may read, whoever created them."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, *, cursor: str, search: str, limit: int) -> Page[ListedNamespaceRow]:
        """Return at most `limit` live namespaces, the newest first, beginning at the one whose id is `cursor`.

        A page goes on where the last one ended, also when namespaces were created or deleted meanwhile. `search` is
        part of id or name in whatever letter case; blank means all. Reads no more rows than the page has, unless it
        searches or the caller may read a few namespaces only.

        Raises:
            InsufficientPermissions: The caller may not read any namespace.
            UnknownCursor: There never was such a namespace in the workspace.
            StoreUnavailable: They could not be read.
        """
        workspace_id, conn = principal.workspace_id, self._reads_of(principal.workspace_id)
        readable = requirements.readable_namespaces(workspace_id, principal.permissions)
        if not readable:
            require(principal.permissions, requirements.read_namespace(workspace_id))
        rows = await queries.list_namespaces(
            conn, workspace_id, readable, cursor=cursor, pattern=substring_pattern(search), limit=limit + 1
        )
        if cursor and not rows and not await queries.existing_ids(conn, workspace_id, [NamespaceId(cursor)]):
            raise UnknownCursor
        return cut_page(rows, limit=limit, id_of=lambda row: row.id)
