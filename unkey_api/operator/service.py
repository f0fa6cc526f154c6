"""Workspaces and root keys, for whoever runs the service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from unkey_api.audit.service import AuditLog
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.changes import root_key_changed, workspace_changed
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.core.keymaterial import RandomBytes
from unkey_api.core.principal import operator
from unkey_api.infra.mysql import Database, DuplicateKey, Transaction
from unkey_api.keys.service.attempts import with_fresh_ids
from unkey_api.operator import queries
from unkey_api.operator.errors import RootKeyUnknown, WorkspaceHoldsRootKeys, WorkspaceTaken, WorkspaceUnknown
from unkey_api.operator.types import RootKeyLine, WorkspaceLine
from unkey_api.projects.service import DefaultProject
from unkey_api.rootkeys.grants import Grants
from unkey_api.rootkeys.home import HOME_WORKSPACE, RESERVED_SLUGS, RootKeyHome
from unkey_api.rootkeys.issuing import RootKeyIssuing, RootKeySettings
from unkey_api.rootkeys.queries import live_in, lock, mark_deleted
from unkey_api.rootkeys.types import IssuedRootKey


class OperatorDesk:
    """The operator's use cases."""

    def __init__(
        self, database: Database, *, audit: AuditLog, clock: Clock, ids: IdSource, random_bytes: RandomBytes
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._ids = ids
        projects = DefaultProject(clock=clock, ids=ids)
        self._home = RootKeyHome(audit, projects, clock=clock, ids=ids)
        grants = Grants(projects, clock=clock, ids=ids)
        self._issuing = RootKeyIssuing(grants, clock=clock, ids=ids, random_bytes=random_bytes)

    async def create_workspace(self, name: str, slug: str, *, org_id: str = "") -> str:
        """Create a workspace and return its id. `org_id` defaults to the id itself.

        Raises:
            WorkspaceTaken: Another workspace has the slug or the organisation, or the slug is reserved.
        """
        if slug.lower() in RESERVED_SLUGS:
            raise WorkspaceTaken(f"the slug '{slug}' is reserved for the operator; choose another with --slug")
        workspace_id = self._ids.new(IdPrefix.WORKSPACE)

        async def work(tx: Transaction) -> None:
            await self._home.add_workspace(tx, workspace_id, name, slug, org_id or workspace_id)
            tx.tell(workspace_changed(workspace_id))

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

    async def create_root_key(
        self, workspace_id: str, name: str, permissions: Sequence[str], *, over_root_keys: bool = False
    ) -> IssuedRootKey:
        """Issue a root key that acts for a workspace. Its secret is returned once and not kept.

        `over_root_keys` says that the workspace may be the one in which root keys live.

        Raises:
            WorkspaceUnknown: No live workspace has this id.
            WorkspaceHoldsRootKeys: It is such a one, and nobody said that it may be.
        """
        if await queries.find_workspace(self._database.primary, workspace_id) is None:
            raise WorkspaceUnknown(f"there is no workspace '{workspace_id}'; `workspace list` shows them")
        holds = workspace_id == HOME_WORKSPACE or await live_in(self._database.primary, workspace_id)
        if holds and not over_root_keys:
            raise WorkspaceHoldsRootKeys(workspace_id)
        draft = self._issuing.draft()

        async def work(tx: Transaction) -> None:
            home = await self._home.ensure(tx)
            wanted = RootKeySettings(for_workspace_id=workspace_id, name=name, permissions=permissions)
            await self._issuing.write(tx, draft, home, wanted)
            target = AuditTarget(TargetType.KEY, draft.id, name)
            event = AuditEvent(AuditAction.KEY_CREATE, f"Created root key {draft.id} for {workspace_id}", (target,))
            await self._audit.record(tx, operator(workspace_id), [event])

        async def attempt() -> None:
            await self._database.transaction("operator.root_key_create", work)

        # The only duplicate to expect is the operator's workspace, when two make the very first root keys at once.
        await with_fresh_ids(attempt, asyncio.sleep)
        return IssuedRootKey(draft.id, draft.material.plaintext)

    async def list_root_keys(self, workspace_id: str = "") -> list[RootKeyLine]:
        """Return live root keys, newest first; of one workspace when it is given."""
        return await queries.list_root_keys(self._database.primary, workspace_id)

    async def revoke_root_key(self, key_id: str) -> None:
        """Delete a root key; servers refuse it as soon as they read the log of changes. Raises RootKeyUnknown."""

        async def work(tx: Transaction) -> None:
            found = await queries.find_root_key(tx, key_id)
            locked = None if found is None else await lock(tx, found.for_workspace_id, key_id)
            if found is None or locked is None:
                raise RootKeyUnknown(f"there is no root key '{key_id}'; `root-key list` shows them")
            await mark_deleted(tx, found.for_workspace_id, key_id, now=UnixMs(self._clock.now_ms()))
            target = AuditTarget(TargetType.KEY, key_id, found.name or key_id)
            event = AuditEvent(AuditAction.KEY_DELETE, f"Revoked root key {key_id}", (target,))
            await self._audit.record(tx, operator(found.for_workspace_id), [event])
            tx.tell(root_key_changed(found.for_workspace_id, locked.hash))

        await self._database.transaction("operator.root_key_revoke", work)
