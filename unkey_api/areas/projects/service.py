"""The default project of a workspace."""

from __future__ import annotations

from unkey_api.areas.projects import queries
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.errors import Unexpected
from unkey_api.core.ids import IdPrefix, IdSource, ProjectId
from unkey_api.infra.mysql import DuplicateKey, WriteConn


class DefaultProjectUnresolved(Unexpected):
    """The default project was neither found nor created, though nothing failed: it vanished in between."""

    def __init__(self, workspace_id: str) -> None:
        super().__init__(
            "Failed to resolve the default project of the workspace.",
            internal=f"default project of {workspace_id} was taken and is gone",
        )


SLUG = "default"
NAME = "Default"


class DefaultProject:
    """Finds the project that owns what a workspace creates, and creates it the first time."""

    def __init__(self, *, clock: Clock, ids: IdSource) -> None:
        self._clock = clock
        self._ids = ids

    async def ensure(self, conn: WriteConn, workspace_id: str) -> ProjectId:
        """Return the id of the workspace's default project. Works inside and outside of a transaction; repeatable.

        A project whose slug is `default` in another letter case counts as the default one, because the unique index
        would refuse a second.

        Raises:
            DefaultProjectUnresolved: It was deleted at the very moment we lost the race to create it.
            StoreUnavailable: The store failed.
        """
        found = await queries.find_by_slug(conn, workspace_id, SLUG)
        if found is not None:
            return found
        project_id = ProjectId(self._ids.new(IdPrefix.PROJECT))
        project = queries.NewProject(
            id=project_id,
            workspace_id=workspace_id,
            name=NAME,
            slug=SLUG,
            delete_protection=True,
            created_at=UnixMs(self._clock.now_ms()),
        )
        try:
            await queries.insert(conn, project)
        except DuplicateKey as err:
            winner = await queries.find_by_slug_locked(conn, workspace_id, SLUG)
            if winner is None:
                raise DefaultProjectUnresolved(workspace_id) from err
            return winner
        return project_id
