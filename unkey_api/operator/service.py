"""Workspaces and root keys, for whoever runs the service."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.audit.service import AuditLog
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.core.keymaterial import RandomBytes, generate_key
from unkey_api.core.principal import Caller, Principal, SubjectType
from unkey_api.infra.mysql import Database, DuplicateKey, WriteConn
from unkey_api.operator import queries
from unkey_api.operator.errors import RootKeyUnknown, WorkspaceTaken, WorkspaceUnknown
from unkey_api.operator.types import IssuedRootKey, RootKeyLine, WorkspaceLine
from unkey_api.projects.service import DefaultProject

OPERATOR_SLUG = "operator"
ROOT_KEY_PREFIX = "unkey"
ROOT_KEY_BYTES = 16


class OperatorDesk:
    """The operator's use cases."""

    def __init__(
        self, database: Database, *, audit: AuditLog, clock: Clock, ids: IdSource, random_bytes: RandomBytes
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._ids = ids
        self._random_bytes = random_bytes
        self._projects = DefaultProject(clock=clock, ids=ids)

    async def create_workspace(self, name: str, slug: str, *, org_id: str = "") -> str:
        """Create a workspace and return its id. `org_id` defaults to the id itself. Raises WorkspaceTaken."""
        workspace_id = self._ids.new(IdPrefix.WORKSPACE)

        async def work(tx: WriteConn) -> None:
            await self._insert_workspace(tx, workspace_id, name, slug, org_id or workspace_id)

        try:
            await self._database.transaction("operator.workspace_create", work)
        except DuplicateKey as err:
            message = f"a workspace with slug '{slug}' or this organisation exists; choose another slug"
            raise WorkspaceTaken(message) from err
        return workspace_id

    async def list_workspaces(self) -> list[WorkspaceLine]:
        """Return every live workspace, oldest first."""
        return await queries.list_workspaces(self._database.primary)

    async def find_workspace(self, slug: str) -> WorkspaceLine | None:
        """Return the live workspace with this slug, or None."""
        return await queries.find_workspace_by_slug(self._database.primary, slug)

    async def create_root_key(self, workspace_id: str, name: str, permissions: Sequence[str]) -> IssuedRootKey:
        """Issue a root key that acts for a workspace. Its secret is returned once and not kept.

        Raises:
            WorkspaceUnknown: No live workspace has this id.
        """
        if await queries.find_workspace(self._database.primary, workspace_id) is None:
            raise WorkspaceUnknown(f"there is no workspace '{workspace_id}'; `workspace list` shows them")
        key_id = self._ids.new(IdPrefix.KEY)
        material = generate_key(self._random_bytes, byte_length=ROOT_KEY_BYTES, prefix=ROOT_KEY_PREFIX)

        async def work(tx: WriteConn) -> None:
            now = self._clock.now_ms()
            keyspace = await self._root_keyspace(tx)
            owner = keyspace.workspace_id
            await queries.insert_root_key(
                tx,
                {
                    "id": key_id,
                    "key_auth_id": keyspace.key_auth_id,
                    "hash": material.hash,
                    "start": material.start,
                    "workspace_id": owner,
                    "for_workspace_id": workspace_id,
                    "name": name,
                    "created_at_m": now,
                },
            )
            await self._grant(tx, key_id, owner, permissions)
            target = AuditTarget(TargetType.KEY, key_id, name)
            event = AuditEvent(AuditAction.KEY_CREATE, f"Created root key {key_id} for {workspace_id}", (target,))
            await self._audit.record(tx, _operator(owner), [event])

        await self._database.transaction("operator.root_key_create", work)
        return IssuedRootKey(key_id, material.plaintext)

    async def list_root_keys(self, workspace_id: str = "") -> list[RootKeyLine]:
        """Return live root keys, newest first; of one workspace when it is given."""
        return await queries.list_root_keys(self._database.primary, workspace_id)

    async def revoke_root_key(self, key_id: str) -> None:
        """Delete a root key; servers refuse it within their cache window. Raises RootKeyUnknown."""

        async def work(tx: WriteConn) -> None:
            found = await queries.find_root_key(tx, key_id)
            if found is None or not await queries.delete_root_key(tx, key_id, self._clock.now_ms()):
                raise RootKeyUnknown(f"there is no root key '{key_id}'; `root-key list` shows them")
            target = AuditTarget(TargetType.KEY, key_id, found.name or key_id)
            event = AuditEvent(AuditAction.KEY_DELETE, f"Revoked root key {key_id}", (target,))
            await self._audit.record(tx, _operator(found.for_workspace_id), [event])

        await self._database.transaction("operator.root_key_revoke", work)

    async def _insert_workspace(self, tx: WriteConn, workspace_id: str, name: str, slug: str, org_id: str) -> None:
        now = self._clock.now_ms()
        values = {"id": workspace_id, "org_id": org_id, "name": name, "slug": slug, "created_at_m": now}
        await queries.insert_workspace(tx, values)
        target = AuditTarget(TargetType.WORKSPACE, workspace_id, name)
        event = AuditEvent(AuditAction.WORKSPACE_CREATE, f"Created workspace {workspace_id}", (target,))
        await self._audit.record(tx, _operator(workspace_id), [event])

    async def _root_keyspace(self, tx: WriteConn) -> queries.KeyspaceRow:
        """Return where root keys live, creating the operator's workspace and keyspace if there is none yet."""
        found = await queries.find_root_keyspace(tx)
        if found is not None:
            return found
        operator = await queries.find_workspace_by_slug(tx, OPERATOR_SLUG)
        workspace_id = operator.id if operator else self._ids.new(IdPrefix.WORKSPACE)
        if operator is None:
            await self._insert_workspace(tx, workspace_id, "Operator", OPERATOR_SLUG, workspace_id)
        keyspace = await queries.find_keyspace_of(tx, workspace_id)
        if keyspace is not None:
            return keyspace
        project_id = await self._projects.ensure(tx, workspace_id)
        keyspace = queries.KeyspaceRow(self._ids.new(IdPrefix.KEYSPACE), workspace_id)
        owned = {"workspace_id": workspace_id, "project_id": project_id, "created_at_m": self._clock.now_ms()}
        api = {"id": self._ids.new(IdPrefix.API), "name": "Root keys", "key_auth_id": keyspace.key_auth_id, **owned}
        await queries.insert_keyspace(tx, {"id": keyspace.key_auth_id, **owned}, api)
        return keyspace

    async def _grant(self, tx: WriteConn, key_id: str, owner: str, permissions: Sequence[str]) -> None:
        if not permissions:
            return
        project_id = await self._projects.ensure(tx, owner)
        now = self._clock.now_ms()
        rows = [
            {
                "id": self._ids.new(IdPrefix.PERMISSION),
                "workspace_id": owner,
                "project_id": project_id,
                "name": slug,
                "slug": slug,
                "created_at_m": now,
            }
            for slug in dict.fromkeys(permissions)
        ]
        await queries.grant(tx, key_id, owner, rows, now)


def _operator(workspace_id: str) -> Caller:
    principal = Principal(workspace_id, "operator", "Operator", SubjectType.SYSTEM, frozenset())
    return Caller(principal, request_id="", remote_ip="", user_agent="unkey-api")
