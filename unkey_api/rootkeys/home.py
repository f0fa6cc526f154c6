"""Where root keys live: the operator's workspace, its API and its keyspace."""

from __future__ import annotations

from unkey_api.audit.service import AuditLog
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.clock import Clock
from unkey_api.core.identifiers import KeyspaceId
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.core.principal import operator
from unkey_api.infra.mysql import WriteConn
from unkey_api.projects.service import DefaultProject
from unkey_api.rootkeys import queries
from unkey_api.rootkeys.queries import KeyspaceRow

OPERATOR_SLUG = "operator"


class RootKeyHome:
    """Finds the keyspace of root keys, and makes it the first time."""

    def __init__(self, audit: AuditLog, projects: DefaultProject, *, clock: Clock, ids: IdSource) -> None:
        self._audit = audit
        self._projects = projects
        self._clock = clock
        self._ids = ids

    async def ensure(self, tx: WriteConn, near: str = "") -> KeyspaceRow:
        """Return the keyspace for a new root key: that of the root key `near`, else one that has any, else a new one.

        Raises:
            DuplicateKey: Another process makes the first one at this moment. Roll back and try again.
        """
        found = await queries.find_keyspace_of(tx, near) if near else None
        found = found or await queries.find_any_keyspace(tx)
        if found is not None:
            return found
        workspace_id = await queries.find_workspace_id(tx, OPERATOR_SLUG)
        if workspace_id is None:
            workspace_id = self._ids.new(IdPrefix.WORKSPACE)
            await self.add_workspace(tx, workspace_id, "Operator", OPERATOR_SLUG, workspace_id)
        return await queries.find_workspace_keyspace(tx, workspace_id) or await self._add_keyspace(tx, workspace_id)

    async def add_workspace(self, tx: WriteConn, workspace_id: str, name: str, slug: str, org_id: str) -> None:
        """Insert a workspace with its audit entry. Raises DuplicateKey for a taken slug or organisation."""
        now = self._clock.now_ms()
        values = {"id": workspace_id, "org_id": org_id, "name": name, "slug": slug, "created_at_m": now}
        await queries.insert_workspace(tx, values)
        target = AuditTarget(TargetType.WORKSPACE, workspace_id, name)
        event = AuditEvent(AuditAction.WORKSPACE_CREATE, f"Created workspace {workspace_id}", (target,))
        await self._audit.record(tx, operator(workspace_id), [event])

    async def _add_keyspace(self, tx: WriteConn, workspace_id: str) -> KeyspaceRow:
        project_id = await self._projects.ensure(tx, workspace_id)
        keyspace = KeyspaceRow(KeyspaceId(self._ids.new(IdPrefix.KEYSPACE)), workspace_id)
        owned = {"workspace_id": workspace_id, "project_id": project_id, "created_at_m": self._clock.now_ms()}
        api = {"id": self._ids.new(IdPrefix.API), "name": "Root keys", "key_auth_id": keyspace.key_auth_id, **owned}
        await queries.insert_keyspace(tx, {"id": keyspace.key_auth_id, **owned}, api)
        return keyspace
