"""Create, list, change, replace and delete root keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from unkey_api.areas.parts import Parts, with_fresh_ids
from unkey_api.areas.rootkeys import queries, requirements
from unkey_api.areas.rootkeys.grants import Grants
from unkey_api.areas.rootkeys.keyspace import RootKeyspace
from unkey_api.areas.rootkeys.queries import RootKeyRow
from unkey_api.areas.rootkeys.types import (
    CreateRootKeyCommand,
    IssuedRootKey,
    RootKey,
    RootKeyNotFound,
    UpdateRootKeyCommand,
)
from unkey_api.areas.rootkeys.writing import (
    RootKeyDraft,
    RootKeyIssuing,
    RootKeySettings,
    RootKeyState,
    RootKeyWriter,
    StoredRootKey,
    load_locked,
)
from unkey_api.core.clock import Clock
from unkey_api.core.ids import KeyId
from unkey_api.core.keymaterial import RandomBytes
from unkey_api.core.needs import ANY
from unkey_api.core.paging import Page, cut_page
from unkey_api.core.principal import Caller, Principal, SubjectType
from unkey_api.core.rbac import is_allowed, require
from unkey_api.infra.mysql import Database, ReadConn, Transaction, WriteConn


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


class CreateRootKey:
    """Creates a root key for the caller's workspace."""

    def __init__(self, parts: RootKeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: CreateRootKeyCommand) -> IssuedRootKey:
        """Create the key with its permissions; all of it or nothing.

        Raises:
            InsufficientPermissions: The caller may not create root keys, or lacks one of the permissions, now.
            ExpiryInThePast: It would be created expired.
            OutlivesCaller: The caller expires, and the key would not or later.
            PermissionUnsupported: A permission is malformed, of another workspace, or means nothing.
            AppError: The caller was revoked meanwhile, as `HeldCaller` says.
            StoreUnavailable: Nothing was created.
        """

        async def attempt() -> IssuedRootKey:
            draft = self._parts.issuing.draft()
            await self._parts.database.transaction(
                "root_keys.create", lambda tx: self._write(tx, caller, command, draft)
            )
            return IssuedRootKey(draft.id, draft.material.plaintext)

        return await with_fresh_ids(attempt, self._parts.sleep)

    def _check(self, principal: Principal, command: CreateRootKeyCommand) -> None:
        require(principal.permissions, requirements.on_root_key(principal.workspace_id, ANY, "write"))
        requirements.require_ahead(command.expires_ms, self._parts.clock.now_ms())
        requirements.require_outlived(principal, command.expires_ms, "the new key")
        requirements.require_supported(principal.workspace_id, command.permissions)
        requirements.require_held(principal, command.permissions)

    async def _write(self, tx: Transaction, caller: Caller, command: CreateRootKeyCommand, draft: RootKeyDraft) -> None:
        callers = self._parts.callers
        self._check(await (await callers.lock(tx, caller.principal)).judge(tx), command)
        wanted = RootKeySettings(
            for_workspace_id=caller.principal.workspace_id,
            name=command.name,
            permissions=command.permissions,
            expires_ms=command.expires_ms,
        )
        await self._parts.writer.create(tx, caller, wanted, draft)


SCAN = 1_000  # ids looked at per statement while searching for those a caller with a few grants may read


class ListRootKeys:
    """Lists the root keys a caller may read, as of now: who was revoked does not learn which keys there are."""

    def __init__(self, parts: RootKeyParts) -> None:
        self._parts = parts

    async def __call__(self, principal: Principal, *, limit: int, cursor: str) -> Page[RootKey]:
        """Return one page, ascending by id. Keys the caller may not read neither show nor count.

        Args:
            principal: The caller.
            limit: How many keys the page may hold, at least 1.
            cursor: Where the page begins, as the previous one said; empty for the first.

        Raises:
            AppError: The caller was revoked meanwhile, as `HeldCaller` says.
            StoreUnavailable: They could not be read.
        """
        callers = self._parts.callers

        async def read(tx: Transaction) -> Page[RootKey]:
            current = await (await callers.lock(tx, principal)).judge(tx)
            return await self._page(tx, current, limit=limit, cursor=cursor)

        return await self._parts.database.transaction("root_keys.list", read)

    async def _page(self, conn: ReadConn, principal: Principal, *, limit: int, cursor: str) -> Page[RootKey]:
        workspace_id = principal.workspace_id
        everything = is_allowed(principal.permissions, requirements.on_root_key(workspace_id, ANY, "read"))
        if everything:
            ids = await queries.list_ids(conn, workspace_id, first=cursor, count=limit + 1)
        else:
            ids = await self._readable(conn, principal, limit + 1, cursor)
        page = cut_page(ids, limit=limit, id_of=str)
        rows = await queries.list_by_ids(conn, workspace_id, page.items)
        return Page(await self._with_grants(conn, rows), page.next_cursor)

    async def _readable(self, conn: ReadConn, principal: Principal, wanted: int, cursor: str) -> list[KeyId]:
        found: list[KeyId] = []
        first, fresh = cursor, True
        while True:
            ids = await queries.list_ids(conn, principal.workspace_id, first=first, count=SCAN)
            for key_id in ids if fresh else ids[1:]:
                if is_allowed(principal.permissions, requirements.on_root_key(principal.workspace_id, key_id, "read")):
                    found.append(key_id)
                    if len(found) == wanted:
                        return found
            if len(ids) < SCAN:
                return found
            first, fresh = ids[-1], False

    async def _with_grants(self, conn: ReadConn, rows: Sequence[RootKeyRow]) -> list[RootKey]:
        held: dict[str, set[str]] = {row.id: set() for row in rows}
        for grant in await queries.list_grants(conn, list(held)):
            held[grant.key_id].add(grant.permission)
        return [
            RootKey(
                id=row.id,
                name=row.name or None,
                start=row.start,
                enabled=row.enabled,
                created_at=row.created_at_m,
                last_used_at=row.last_used_at,
                expires=row.expires,
                permissions=tuple(sorted(held[row.id])),
            )
            for row in rows
        ]


class UpdateRootKey:
    """Changes name, switch and permissions of a root key."""

    def __init__(self, parts: RootKeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: UpdateRootKeyCommand) -> None:
        """Change what the command names. This process acts on it from the next request on.

        Raises:
            RootKeyNotFound: The workspace has no such root key.
            InsufficientPermissions: The caller may not change it; it lacks one of the permissions, or when the key is
                switched on one that the key has; or it may not delete the key, when that is switched off or loses a
                permission.
            AppError: The caller was revoked meanwhile, as `HeldCaller` says.
            OutlivesCaller: The caller expires, and the key does not or later.
            PermissionUnsupported: A permission is malformed, of another workspace, or means nothing.
            StoreUnavailable: Nothing was changed.
        """
        await self._parts.database.transaction("root_keys.update", lambda tx: self._write(tx, caller, command))

    async def _write(self, tx: Transaction, caller: Caller, command: UpdateRootKeyCommand) -> None:
        target = await locked(tx, self._parts.callers, caller.principal, command.key_id)
        wanted = _wanted(target.stored.state, command)
        _authorize(target, command, wanted)
        regrant = command.permissions is not None
        await self._parts.writer.update(tx, caller, target.stored, wanted, regrant=regrant)


def _wanted(now: RootKeyState, command: UpdateRootKeyCommand) -> RootKeyState:
    return now._replace(
        name=command.name if command.set_name else now.name,
        enabled=now.enabled if command.enabled is None else command.enabled,
        permissions=now.permissions if command.permissions is None else tuple(sorted(set(command.permissions))),
    )


def _authorize(target: Target, command: UpdateRootKeyCommand, wanted: RootKeyState) -> None:
    """Judge the caller as it is now. What makes the key stronger needs what it gets, what makes it weaker `delete`.

    Otherwise whoever may rename keys could switch a leaked one on again, or every other one off.
    """
    caller, (key, _) = target
    require(caller.permissions, requirements.on_root_key(caller.workspace_id, key.id, "write"))
    requirements.require_outlived(caller, key.expires, "the key")
    if command.permissions is not None:
        requirements.require_supported(caller.workspace_id, command.permissions)
        requirements.require_held(caller, command.permissions)
    if wanted.enabled and not key.enabled:
        requirements.require_held(caller, wanted.permissions)
    weaker = (key.enabled and not wanted.enabled) or not set(target.stored.permissions) <= set(wanted.permissions)
    if weaker:
        require(caller.permissions, requirements.on_root_key(caller.workspace_id, key.id, "delete"))


class RerollRootKey:
    """Makes a root key like another one."""

    def __init__(self, parts: RootKeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, grace_ms: int | None) -> IssuedRootKey:
        """Create a key with name, switch, expiry and effective permissions of the old one, and end that one.

        Args:
            caller: Who asks.
            key_id: The old key.
            grace_ms: For how long the old key keeps working, 0 for not at all; never longer than it would have. None
                leaves it alone.

        Raises:
            RootKeyNotFound: The workspace has no such root key.
            InsufficientPermissions: The caller may not change the key, may not end it, or lacks a permission of it.
            AppError: The caller was revoked meanwhile, as `HeldCaller` says.
            RootKeyEnded: The key has expired.
            KeyAlreadyRerolled: Its end was set by a reroll, so that a repeated call makes no second successor.
            OutlivesCaller: The caller expires, and the key does not or later.
            StoreUnavailable: Nothing was changed.
        """

        async def attempt() -> IssuedRootKey:
            draft = self._parts.issuing.draft()
            await self._parts.database.transaction(
                "root_keys.reroll", lambda tx: self._write(tx, caller, key_id, grace_ms, draft)
            )
            return IssuedRootKey(draft.id, draft.material.plaintext)

        return await with_fresh_ids(attempt, self._parts.sleep)

    async def _write(
        self, tx: Transaction, caller: Caller, key_id: str, grace_ms: int | None, draft: RootKeyDraft
    ) -> None:
        principal, stored = await locked(tx, self._parts.callers, caller.principal, key_id)
        require(principal.permissions, requirements.on_root_key(principal.workspace_id, stored.key.id, "write"))
        if grace_ms is not None:
            require(principal.permissions, requirements.on_root_key(principal.workspace_id, stored.key.id, "delete"))
        requirements.require_outlived(principal, stored.key.expires, "the key")
        requirements.require_held(principal, stored.permissions)
        await self._parts.writer.reroll(tx, caller, stored, draft, grace_ms)


class DeleteRootKey:
    """Deletes a root key, also the caller's own and the last one."""

    def __init__(self, parts: RootKeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str) -> None:
        """Delete it; this process refuses it from the next request on. Not repeatable: then it is not found.

        Raises:
            RootKeyNotFound: The workspace has no such root key.
            InsufficientPermissions: The caller may not delete it, as of now.
            AppError: The caller was revoked meanwhile, as `HeldCaller` says.
            StoreUnavailable: Nothing was changed.
        """
        await self._parts.database.transaction("root_keys.delete", lambda tx: self._write(tx, caller, key_id))

    async def _write(self, tx: Transaction, caller: Caller, key_id: str) -> None:
        principal, (key, _) = await locked(tx, self._parts.callers, caller.principal, key_id)
        require(principal.permissions, requirements.on_root_key(principal.workspace_id, key.id, "delete"))
        await self._parts.writer.delete(tx, caller, key)
