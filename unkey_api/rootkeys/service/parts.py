"""What the use cases of root keys work with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from unkey_api.audit.service import AuditLog
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.core.keymaterial import RandomBytes
from unkey_api.core.principal import Principal, SubjectType
from unkey_api.infra.mysql import Database, WriteConn
from unkey_api.projects.service import DefaultProject
from unkey_api.rootkeys import queries
from unkey_api.rootkeys.errors import RootKeyNotFound
from unkey_api.rootkeys.grants import Grants
from unkey_api.rootkeys.home import RootKeyHome
from unkey_api.rootkeys.issuing import RootKeyIssuing
from unkey_api.rootkeys.queries import RootKeyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeyParts:
    """Collaborators shared by the use cases."""

    database: Database
    audit: AuditLog
    home: RootKeyHome
    grants: Grants
    issuing: RootKeyIssuing
    clock: Clock
    ids: IdSource
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def now(self) -> UnixMs:
        """Return the present instant."""
        return UnixMs(self.clock.now_ms())

    def correlation_id(self) -> str:
        """Return a fresh id that groups the audit entries of one change."""
        return self.ids.new(IdPrefix.CORRELATION)


def root_key_parts(
    database: Database,
    audit: AuditLog,
    projects: DefaultProject,
    *,
    clock: Clock,
    ids: IdSource,
    random_bytes: RandomBytes,
) -> RootKeyParts:
    """Put the collaborators together."""
    grants = Grants(projects, clock=clock, ids=ids)
    return RootKeyParts(
        database=database,
        audit=audit,
        home=RootKeyHome(audit, projects, clock=clock, ids=ids),
        grants=grants,
        issuing=RootKeyIssuing(grants, clock=clock, ids=ids, random_bytes=random_bytes),
        clock=clock,
        ids=ids,
    )


async def locked(tx: WriteConn, workspace_id: str, key_id: str) -> RootKeyRow:
    """Return the live root key of the workspace, locked.

    Raises:
        RootKeyNotFound: There is none, or it is of another workspace.
    """
    row = await queries.lock(tx, workspace_id, key_id)
    if row is None:
        raise RootKeyNotFound
    return row


def own_root_key(principal: Principal) -> str:
    """Return the id of the caller's root key; empty for other credentials."""
    return principal.subject_id if principal.subject_type is SubjectType.ROOT_KEY else ""
