"""Knowing a cache's entries by something else than their keys, in little memory."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, Protocol, TypeVar

O = TypeVar("O", bound=Hashable)  # noqa: E741 - an owner
M = TypeVar("M", bound=str)
K_contra = TypeVar("K_contra", contravariant=True)
V_contra = TypeVar("V_contra", contravariant=True)


class EntryWatcher(Protocol[K_contra, V_contra]):
    """Told about every entry that comes and goes, as it happens, so it can keep an index of them."""

    def stored(self, key: K_contra, value: V_contra | None) -> None:
        """Note a new entry. One it replaces was reported as dropped before."""
        ...

    def dropped(self, key: K_contra, value: V_contra | None) -> None:
        """Note that an entry is gone, for whatever reason."""
        ...


class MemberIndex(Generic[O, M]):
    """Members by owner. Most owners have one member, so sets are made only for the others."""

    __slots__ = ("_members",)

    def __init__(self) -> None:
        self._members: dict[O, M | set[M]] = {}

    def __len__(self) -> int:
        """Return how many owners have members."""
        return len(self._members)

    def add(self, owner: O, member: M) -> None:
        """Note a member. Safe to repeat."""
        found = self._members.setdefault(owner, member)
        if isinstance(found, set):
            found.add(member)
        elif found != member:
            self._members[owner] = {found, member}

    def discard(self, owner: O, member: M) -> None:
        """Forget a member; one that is not there is fine."""
        found = self._members.get(owner)
        if isinstance(found, set):
            found.discard(member)
            if not found:
                del self._members[owner]
        elif found == member and found is not None:
            del self._members[owner]

    def of(self, owner: O) -> tuple[M, ...]:
        """Return the members of an owner, as they are now."""
        found = self._members.get(owner)
        if found is None:
            return ()
        return tuple(found) if isinstance(found, set) else (found,)

    def __iter__(self) -> Iterator[O]:
        return iter(self._members)
