"""Show overrides."""

from __future__ import annotations

from unkey_api.areas.ratelimit import queries, requirements
from unkey_api.areas.ratelimit.errors import NamespaceNotFound, OverrideNotFound
from unkey_api.areas.ratelimit.namespaces import read_namespace
from unkey_api.areas.ratelimit.types import Override
from unkey_api.core.paging import Page, cut_page
from unkey_api.core.principal import Principal
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import ReadsOf


class GetOverride:
    """Finds the override that applies to an identifier. Reads the store, so that what was just set is seen."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, namespace_key: str, identifier: str) -> Override:
        """Return the override of exactly this identifier, else the first pattern that covers it.

        Raises:
            NamespaceNotFound: No such namespace, or a deleted one.
            OverrideNotFound: None applies, or the caller may not read it; the two look the same.
            StoreUnavailable: It could not be read.
        """
        workspace_id = principal.workspace_id
        namespace = await read_namespace(self._reads_of(workspace_id), workspace_id, namespace_key)
        if namespace is None or namespace.deleted:
            raise NamespaceNotFound
        override = namespace.overrides.match(identifier)
        if override is None:
            raise OverrideNotFound
        may_read = requirements.read_override(workspace_id, namespace.id, override.id)
        require(principal.permissions, may_read, hide_as=OverrideNotFound)
        return override


class ListOverrides:
    """Lists the overrides of a namespace, a deleted one included."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, namespace_key: str, *, cursor: str, limit: int) -> Page[Override]:
        """Return at most `limit` overrides by ascending id, the first not below `cursor`.

        Raises:
            NamespaceNotFound: No such namespace.
            InsufficientPermissions: The caller may not read overrides there.
            StoreUnavailable: They could not be read.
        """
        conn = self._reads_of(principal.workspace_id)
        namespace = await queries.find_by_key(conn, principal.workspace_id, namespace_key)
        if namespace is None:
            raise NamespaceNotFound
        require(principal.permissions, requirements.list_overrides(principal.workspace_id, namespace.id))
        overrides = await queries.list_overrides(
            conn, principal.workspace_id, namespace.id, cursor=cursor, limit=limit + 1
        )
        return cut_page(overrides, limit=limit, id_of=lambda override: override.id)
