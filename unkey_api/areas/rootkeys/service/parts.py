"""What the use cases of root keys work with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from unkey_api.areas.parts import Parts
from unkey_api.areas.rootkeys import queries
from unkey_api.areas.rootkeys.errors import RootKeyNotFound
from unkey_api.areas.rootkeys.grants import Grants
from unkey_api.areas.rootkeys.issuing import RootKeyIssuing
from unkey_api.areas.rootkeys.keyspace import RootKeyspace
from unkey_api.areas.rootkeys.writing import RootKeyWriter, StoredRootKey, load_locked
from unkey_api.core.clock import Clock
from unkey_api.core.keymaterial import RandomBytes
from unkey_api.core.principal import Principal, SubjectType
from unkey_api.infra.mysql import Database, WriteConn


class HeldCaller(Protocol):
    """A caller whose row does not change before the transaction ends."""

    async def judge(self, tx: WriteConn, /) -> Principal:
        """Return the caller with what it holds now. Raises when it may no longer call."""
        ...


class CallerLocks(Protocol):
    """Locks callers. In two steps: take every lock the transaction needs, then judge."""

    async def lock(self, tx: WriteConn, principal: Principal, /) -> HeldCaller:
        """Hold the caller as it is now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeyParts:
    """Collaborators shared by the use cases."""

    database: Database
    issuing: RootKeyIssuing
    writer: RootKeyWriter
    callers: CallerLocks
    clock: Clock
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


def root_key_parts(parts: Parts, callers: CallerLocks, *, random_bytes: RandomBytes) -> RootKeyParts:
    """Put the collaborators together."""
    clock, ids = parts.clock, parts.ids
    grants = Grants(parts.projects, clock=clock, ids=ids)
    issuing = RootKeyIssuing(grants, clock=clock, ids=ids, random_bytes=random_bytes)
    root_keyspace = RootKeyspace(parts.audit, parts.projects, clock=clock, ids=ids)
    return RootKeyParts(
        database=parts.database,
        issuing=issuing,
        writer=RootKeyWriter(parts.audit, root_keyspace, grants, issuing, clock=clock, ids=ids),
        callers=callers,
        clock=clock,
    )


class Target(NamedTuple):
    """A root key that somebody wants to change, as committed now, and who wants it."""

    by: Principal
    """The caller with what it holds now."""
    stored: StoredRootKey


async def locked(tx: WriteConn, callers: CallerLocks, principal: Principal, key_id: str) -> Target:
    """Return the live root key of the caller's workspace and the caller, neither of which changes from here on.

    Rows are locked in the order of their ids, so that two keys that change each other do not wait for each other; and
    before anything else is read, so that everything read is as committed when the last lock was got.

    Raises:
        RootKeyNotFound: There is no such key, or it is of another workspace.
        AppError: The caller may no longer call at all, as `HeldCaller` says. Told first.
    """
    own = principal.subject_id if principal.subject_type is SubjectType.ROOT_KEY else ""
    if own and own < key_id:
        held = await callers.lock(tx, principal)
        row = await queries.lock(tx, principal.workspace_id, key_id)
    else:
        row = await queries.lock(tx, principal.workspace_id, key_id)
        held = await callers.lock(tx, principal)
    caller = await held.judge(tx)
    if row is None:
        raise RootKeyNotFound
    return Target(caller, await load_locked(tx, row))
