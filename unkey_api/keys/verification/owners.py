"""Whose the cached keys are: finding them when not a key has changed, but its identity, a role or a permission."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from unkey_api.core.identifiers import IdentityId, KeyHash, WorkspaceId
from unkey_api.infra.caching.index import MemberIndex
from unkey_api.infra.caching.swr import SwrCache
from unkey_api.keys.verification.types import VerifiableKey

NAME = "verification_key_by_owner"
NAME_BYTES_MAX = 200  # a longer name is left out, so that every message fits; then more is dropped than need be

_IDENTITY, _ROLE, _PERMISSION = "identity", "role", "permission"


class KeyOwners:
    """Drops the cached keys of an identity, or those with a role or permission, here and in other processes.

    It keeps an index of the cache's entries: by identity, and by workspace for keys that were granted anything. Both
    hold only what the cache holds. On the bus it looks like a cache of its own whose keys are the owners.
    """

    name = NAME

    def __init__(self, cache: SwrCache[KeyHash, VerifiableKey]) -> None:
        """Watch a cache that is still empty."""
        self._cache = cache
        self._by_identity: MemberIndex[IdentityId, KeyHash] = MemberIndex()
        self._by_workspace: MemberIndex[WorkspaceId, KeyHash] = MemberIndex()
        self._tell: Callable[[str | None], None] | None = None
        cache.watch(self)

    def __len__(self) -> int:
        """Return how many owners are indexed."""
        return len(self._by_identity) + len(self._by_workspace)

    def identity_changed(self, identity_id: str) -> None:
        """Forget the keys of an identity. Call it after the commit."""
        self._changed(f"{_IDENTITY}:{identity_id}")

    def role_changed(self, workspace_id: str, name: str) -> None:
        """Forget the keys that have a role, under the name they were given it. Call it after the commit."""
        self._changed(f"{_ROLE}:{workspace_id}:{_short(name)}")

    def permission_changed(self, workspace_id: str, slug: str) -> None:
        """Forget the keys that have a permission, their own or by a role. Call it after the commit."""
        self._changed(f"{_PERMISSION}:{workspace_id}:{_short(slug)}")

    # What the cache tells.

    def stored(self, key: KeyHash, value: VerifiableKey | None) -> None:
        """Note an entry."""
        if value is None:
            return
        if value.identity is not None:
            self._by_identity.add(value.identity.id, key)
        if value.permissions or value.roles:
            self._by_workspace.add(value.workspace_id, key)

    def dropped(self, key: KeyHash, value: VerifiableKey | None) -> None:
        """Forget an entry."""
        if value is None:
            return
        if value.identity is not None:
            self._by_identity.discard(value.identity.id, key)
        self._by_workspace.discard(value.workspace_id, key)

    # What the bus asks of a cache.

    def announce_to(self, tell: Callable[[str | None], None]) -> None:
        """Have `tell` called with every owner whose keys were forgotten."""
        self._tell = tell

    def drop(self, key: str) -> None:
        """Forget the keys of an owner, telling nobody. Raises ValueError when the text names none."""
        kind, _, rest = key.partition(":")
        match kind:
            case "identity":
                self._drop(self._by_identity.of(IdentityId(rest)))
            case "role" | "permission":
                workspace_id, _, name = rest.partition(":")
                self._drop(self._granted(WorkspaceId(workspace_id), kind, name))
            case _:
                raise ValueError("not an owner of keys")

    def drop_all(self) -> None:
        """Forget all keys, telling nobody."""
        self._cache.drop_all()

    def _changed(self, owner: str) -> None:
        self.drop(owner)
        if self._tell is not None:
            self._tell(owner)

    def _drop(self, hashes: Iterable[KeyHash]) -> None:
        for key_hash in hashes:
            self._cache.drop(key_hash)
        # Whose keys are being loaded right now nobody knows, and they may have been read before the commit.
        self._cache.disown_loads()

    def _granted(self, workspace_id: WorkspaceId, kind: str, name: str) -> list[KeyHash]:
        found = []
        for key_hash in self._by_workspace.of(workspace_id):
            key = self._cache.held(key_hash)
            granted = () if key is None else key.roles if kind == _ROLE else key.slugs
            if not name or name in granted:
                found.append(key_hash)
        return found


def _short(name: str) -> str:
    return name if len(name.encode()) <= NAME_BYTES_MAX else ""
