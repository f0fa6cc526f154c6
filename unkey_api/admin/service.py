"""Workspaces and root keys, for whoever runs the service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from unkey_api.admin import queries
from unkey_api.admin.root_keys import RootKeyAdmin
from unkey_api.admin.types import RootKeyLine, WorkspaceLine, WorkspaceTaken
from unkey_api.areas.parts import Parts, with_fresh_ids
from unkey_api.areas.projects.service import DefaultProject
from unkey_api.areas.rootkeys import requirements
from unkey_api.areas.rootkeys.keyspace import RESERVED_SLUGS, RootKeyspace
from unkey_api.areas.rootkeys.queries import list_grants
from unkey_api.areas.rootkeys.service import root_key_parts
from unkey_api.areas.rootkeys.types import IssuedRootKey
from unkey_api.areas.rootkeys.writing import RootKeySettings
from unkey_api.audit.service import AuditLog
from unkey_api.auth.standing import CallerStanding
from unkey_api.core.changes import workspace_changed
from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.core.keymaterial import RandomBytes
from unkey_api.core.principal import operator
from unkey_api.infra.mysql import Database, DuplicateKey, Transaction

_PART = 1_000  # root keys whose permissions are asked for at once


class AdminService:
    """The operator's use cases."""

    def __init__(
        self, database: Database, *, audit: AuditLog, clock: Clock, ids: IdSource, random_bytes: RandomBytes
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._ids = ids
        projects = DefaultProject(clock=clock, ids=ids)
        self._root_keyspace = RootKeyspace(audit, projects, clock=clock, ids=ids)
        parts = Parts(database=database, audit=audit, projects=projects, clock=clock, ids=ids)
        self._parts = root_key_parts(parts, CallerStanding(clock), random_bytes=random_bytes)
        self.root_keys = RootKeyAdmin(self._parts)

    async def create_workspace(self, name: str, slug: str, *, org_id: str = "") -> str:
        """Create a workspace and return its id. `org_id` defaults to the id itself.

        Raises:
            WorkspaceTaken: Another workspace has the slug or the organisation, or the slug is reserved.
        """
        if slug.lower() in RESERVED_SLUGS:
            raise WorkspaceTaken(f"the slug '{slug}' is reserved for the operator; choose another with --slug")
        workspace_id = self._ids.new(IdPrefix.WORKSPACE)

        async def work(tx: Transaction) -> None:
            await self._root_keyspace.add_workspace(tx, workspace_id, name, slug, org_id or workspace_id)
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
        self,
        workspace_id: str,
        name: str,
        permissions: Sequence[str],
        *,
        expires_ms: int | None = None,
        over_root_keys: bool = False,
    ) -> IssuedRootKey:
        """Issue a root key that acts for a workspace. Its secret is returned once and not kept.

        Args:
            workspace_id: The workspace.
            name: What the key is for.
            permissions: What it may do; whether they mean something is for `requirements.require_known` to say.
            expires_ms: Unix milliseconds, in the future; None for never.
            over_root_keys: The workspace may be one in which root keys live.

        Raises:
            WorkspaceUnknown: No live workspace has this id.
            WorkspaceHoldsRootKeys: It is such a one, and nobody said that it may be.
            ExpiryInThePast: The key would have expired.
        """
        await self.root_keys.require_said(workspace_id, over_root_keys=over_root_keys)
        requirements.require_ahead(expires_ms, self._clock.now_ms())
        wanted = RootKeySettings(
            for_workspace_id=workspace_id, name=name, permissions=permissions, expires_ms=expires_ms
        )

        async def attempt() -> IssuedRootKey:
            draft = self._parts.issuing.draft()
            await self._database.transaction(
                "operator.root_key_create",
                lambda tx: self._parts.writer.create(tx, operator(workspace_id), wanted, draft),
            )
            return IssuedRootKey(draft.id, draft.material.plaintext)

        # Beside a drawn id, the duplicate to expect is the operator's workspace, when two make the first keys at once.
        return await with_fresh_ids(attempt, asyncio.sleep)

    async def list_root_keys(self, workspace_id: str = "") -> list[RootKeyLine]:
        """Return live root keys, newest first; of one workspace when it is given."""
        return await queries.list_root_keys(self._database.primary, workspace_id)

    async def permissions_of(self, keys: Sequence[RootKeyLine]) -> dict[str, tuple[str, ...]]:
        """Return by id what root keys may do, directly or through roles; sorted, without repetitions."""
        held: dict[str, set[str]] = {key.id: set() for key in keys}
        ids = list(held)
        for first in range(0, len(ids), _PART):
            for grant in await list_grants(self._database.primary, ids[first : first + _PART]):
                held[grant.key_id].add(grant.permission)
        return {key_id: tuple(sorted(permissions)) for key_id, permissions in held.items()}
