"""Root keys, for whoever runs the service: change, replace and revoke them.

The writing is the operations' own (`rootkeys.writing`); what is left out is judging the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from unkey_api.admin import queries
from unkey_api.admin.types import (
    PermissionNotHeld,
    RootKeyAmbiguous,
    RootKeyChange,
    RootKeyLine,
    RootKeyUnknown,
    RotatedRootKey,
    WorkspaceHoldsRootKeys,
    WorkspaceUnknown,
)
from unkey_api.areas.parts import with_fresh_ids
from unkey_api.areas.rootkeys import requirements
from unkey_api.areas.rootkeys.keyspace import keeps_root_keys
from unkey_api.areas.rootkeys.queries import lock
from unkey_api.areas.rootkeys.service import RootKeyParts
from unkey_api.areas.rootkeys.types import IssuedRootKey
from unkey_api.areas.rootkeys.writing import RootKeyState, StoredRootKey, load_locked
from unkey_api.core.columns import UnixMs
from unkey_api.core.principal import operator
from unkey_api.infra.mysql import ReadConn, Transaction


class RootKeyAdmin:
    """The operator's changes of root keys. Each is one transaction with its audit entries, and told to servers.

    A key is named by its id, or by the start of its secret when no other begins like it.
    """

    def __init__(self, parts: RootKeyParts) -> None:
        self._parts = parts

    async def update(
        self, word: str, change: RootKeyChange, *, over_root_keys: bool = False
    ) -> tuple[RootKeyLine, bool]:
        """Change what is named. Returns the key as it was, and False when it was like that already.

        Args:
            word: Id or start.
            change: What to change.
            over_root_keys: The key may act for a workspace in which root keys live. Needed unless it is switched off.

        Raises:
            RootKeyUnknown: There is no such root key.
            RootKeyAmbiguous: Several begin like this.
            WorkspaceHoldsRootKeys: It acts where root keys live, and nobody said that it may.
            PermissionUnsupported: A permission to give means nothing.
            PermissionNotHeld: A permission to take away is not there.
            ExpiryInThePast: It would expire at once.
        """
        found = await self._find(word)
        if change != RootKeyChange(enabled=False):
            await self.require_said(found.for_workspace_id, over_root_keys=over_root_keys)
        requirements.require_known(found.for_workspace_id, (*(change.permissions or ()), *change.add))
        requirements.require_ahead(change.expires_ms, self._parts.clock.now_ms())

        async def work(tx: Transaction) -> bool:
            stored = await self._locked(tx, found)
            wanted = _wanted(stored, change)
            if wanted == stored.state:
                return False
            regrant = wanted.permissions != stored.permissions
            await self._parts.writer.update(tx, operator(found.for_workspace_id), stored, wanted, regrant=regrant)
            return True

        return found, await self._parts.database.transaction("operator.root_key_update", work)

    async def rotate(self, word: str, grace_ms: int, *, over_root_keys: bool = False) -> RotatedRootKey:
        """Issue a successor with a new secret and the old key's settings, and end the old key.

        Args:
            word: Id or start of the old key.
            grace_ms: For how long the old key keeps working, 0 for not at all; never longer than it would have.
            over_root_keys: The key may act for a workspace in which root keys live.

        Raises:
            RootKeyUnknown: There is no such root key.
            RootKeyAmbiguous: Several begin like this.
            WorkspaceUnknown: The workspace it acts for was deleted.
            WorkspaceHoldsRootKeys: It acts where root keys live, and nobody said that it may.
            RootKeyEnded: It has expired.
            KeyAlreadyRerolled: It has a successor.
        """
        found = await self._find(word)
        await self.require_said(found.for_workspace_id, over_root_keys=over_root_keys)

        async def attempt() -> RotatedRootKey:
            draft = self._parts.issuing.draft()

            async def work(tx: Transaction) -> UnixMs | None:
                stored = await self._locked(tx, found)
                caller = operator(found.for_workspace_id)
                return await self._parts.writer.reroll(tx, caller, stored, draft, grace_ms)

            ends = await self._parts.database.transaction("operator.root_key_rotate", work)
            return RotatedRootKey(found, ends, IssuedRootKey(draft.id, draft.material.plaintext))

        return await with_fresh_ids(attempt, asyncio.sleep)

    async def revoke(self, word: str) -> RootKeyLine:
        """Delete a root key for good and return it; servers refuse it as soon as they read the log of changes.

        Raises:
            RootKeyUnknown: There is no such root key.
            RootKeyAmbiguous: Several begin like this.
        """
        found = await self._find(word)

        async def work(tx: Transaction) -> None:
            stored = await self._locked(tx, found)
            await self._parts.writer.delete(tx, operator(found.for_workspace_id), stored.key)

        await self._parts.database.transaction("operator.root_key_revoke", work)
        return found

    async def require_said(self, workspace_id: str, *, over_root_keys: bool) -> None:
        """Return when a root key may act for a workspace.

        Raises:
            WorkspaceUnknown: No live workspace has this id.
            WorkspaceHoldsRootKeys: Root keys live in it, and nobody said that this one may act there.
        """
        conn = self._parts.database.primary
        if await queries.find_workspace(conn, workspace_id) is None:
            raise WorkspaceUnknown(workspace_id)
        if not over_root_keys and await keeps_root_keys(conn, workspace_id):
            raise WorkspaceHoldsRootKeys(workspace_id)

    async def _find(self, word: str) -> RootKeyLine:
        return await find_root_key(self._parts.database.primary, word)

    async def _locked(self, tx: Transaction, found: RootKeyLine) -> StoredRootKey:
        row = await lock(tx, found.for_workspace_id, found.id)
        if row is None:
            raise RootKeyUnknown(found.id)
        return await load_locked(tx, row)


async def find_root_key(conn: ReadConn, word: str) -> RootKeyLine:
    """Return the live root key with this id, or the only one whose secret begins like this.

    Raises:
        RootKeyUnknown: There is none.
        RootKeyAmbiguous: There are several.
    """
    by_id = await queries.find_root_key(conn, word)
    if by_id is not None:
        return by_id
    candidates = await queries.find_root_keys_by_start(conn, word) if word else []
    if not candidates:
        raise RootKeyUnknown(word)
    if len(candidates) > 1:
        raise RootKeyAmbiguous(word, candidates)
    return candidates[0]


def _wanted(stored: StoredRootKey, change: RootKeyChange) -> RootKeyState:
    now = stored.state
    return RootKeyState(
        name=now.name if change.name is None else change.name,
        enabled=now.enabled if change.enabled is None else change.enabled,
        expires=_expiry(change) if change.set_expires else now.expires,
        permissions=_permissions(stored, change),
    )


def _expiry(change: RootKeyChange) -> UnixMs | None:
    return None if change.expires_ms is None else UnixMs(change.expires_ms)


def _permissions(stored: StoredRootKey, change: RootKeyChange) -> tuple[str, ...]:
    held: Iterable[str] = stored.permissions if change.permissions is None else change.permissions
    for permission in change.remove:
        if permission not in stored.permissions:
            raise PermissionNotHeld(permission, stored.key.id)
    return tuple(sorted({*held, *change.add} - set(change.remove)))
