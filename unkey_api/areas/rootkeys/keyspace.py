"""Where root keys live: a workspace, an API and a keyspace that belong to the operator and to nobody else.

They are known by their ids. Ids are made by the service, so no tenant can choose one, whereas it can choose a name, a
slug and an organisation. Root keys that were issued before into another keyspace go on working; new ones never follow
them there.
"""

from __future__ import annotations

from unkey_api.areas.projects.service import DefaultProject
from unkey_api.areas.rootkeys import queries
from unkey_api.areas.rootkeys.queries import KeyspaceRow
from unkey_api.audit.service import AuditLog
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdPrefix, IdSource, KeyspaceId
from unkey_api.core.principal import operator
from unkey_api.infra.mysql import Database, ReadConn, WriteConn

ROOT_WORKSPACE = "ws_root_keys"
ROOT_KEYSPACE = KeyspaceId("ks_root_keys")
ROOT_API = "api_root_keys"
RESERVED_SLUGS = frozenset({ROOT_WORKSPACE, "operator", "root-keys"})
"""Slugs no workspace gets: they would look like the operator's own."""

_ROOT = KeyspaceRow(ROOT_KEYSPACE, ROOT_WORKSPACE)


class RootKeyspace:
    """Finds the keyspace of root keys, and makes it the first time."""

    def __init__(self, audit: AuditLog, projects: DefaultProject, *, clock: Clock, ids: IdSource) -> None:
        self._audit = audit
        self._projects = projects
        self._clock = clock
        self._ids = ids

    async def ensure(self, tx: WriteConn) -> KeyspaceRow:
        """Return the keyspace for new root keys, made if it is not there.

        Raises:
            DuplicateKey: Another process makes it at this moment. Roll back and try again.
        """
        if not await queries.keyspace_exists(tx, _ROOT):
            # Nobody's token may name the organisation, so it is one that nobody can guess.
            organization = f"nobody-{self._ids.new(IdPrefix.WORKSPACE)}-{self._ids.new(IdPrefix.WORKSPACE)}"
            await self.add_workspace(tx, ROOT_WORKSPACE, "Root keys", ROOT_WORKSPACE, organization)
            await self._add_keyspace(tx)
        return _ROOT

    async def add_workspace(self, tx: WriteConn, workspace_id: str, name: str, slug: str, org_id: str) -> None:
        """Insert a workspace with its audit entry. Raises DuplicateKey for a taken slug or organisation."""
        now = self._clock.now_ms()
        values = {"id": workspace_id, "org_id": org_id, "name": name, "slug": slug, "created_at_m": now}
        await queries.insert_workspace(tx, values)
        target = AuditTarget(TargetType.WORKSPACE, workspace_id, name)
        event = AuditEvent(AuditAction.WORKSPACE_CREATE, f"Created workspace {workspace_id}", (target,))
        await self._audit.record(tx, operator(workspace_id), [event])

    async def _add_keyspace(self, tx: WriteConn) -> None:
        project_id = await self._projects.ensure(tx, ROOT_WORKSPACE)
        owned = {"workspace_id": ROOT_WORKSPACE, "project_id": project_id, "created_at_m": self._clock.now_ms()}
        api = {"id": ROOT_API, "name": "Root keys", "key_auth_id": ROOT_KEYSPACE, **owned}
        await queries.insert_keyspace(tx, {"id": ROOT_KEYSPACE, **owned}, api)


async def keeps_root_keys(conn: ReadConn, workspace_id: str) -> bool:
    """Say whether root keys are rows of a workspace, so that a root key for it acts where those of all others are."""
    return workspace_id == ROOT_WORKSPACE or await queries.live_in(conn, workspace_id)


async def ensure_root_keyspace(database: Database, *, clock: Clock, ids: IdSource) -> None:
    """Make the root keyspace where it is missing, as migrations do. Safe to repeat and from several places at once.

    Raises:
        DuplicateKey: Another process makes it at this moment.
    """
    root_keyspace = RootKeyspace(
        AuditLog(clock=clock, ids=ids), DefaultProject(clock=clock, ids=ids), clock=clock, ids=ids
    )
    await database.transaction("root_keys.ensure_root_keyspace", root_keyspace.ensure)
