"""Where a cache's entries are, bounded in number and bytes, and finding them by something else than their keys."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
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


K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

EVICTION_SCAN = 32  # second chances handed out per eviction before one entry goes regardless


class Entry(Generic[T]):
    """What is kept under a key."""

    __slots__ = ("fresh_until", "refresh_after", "stale_until", "used", "view", "weight")

    def __init__(self, view: T, fresh_until: int, stale_until: int, weight: int) -> None:
        self.view = view
        self.fresh_until = fresh_until
        """Unix milliseconds, like the other two."""
        self.stale_until = stale_until
        self.refresh_after = 0
        self.used = False
        """Whether somebody read it since it was last passed over."""
        self.weight = weight
        """Bytes it takes; 0 where bytes are not bounded."""


class Shelf(Generic[K, T]):
    """Entries by key. A new one pushes out the oldest that nobody read lately until all bounds hold again."""

    __slots__ = ("_max_bytes", "_max_entries", "_on_evicted", "bytes", "entries")

    def __init__(self, *, max_entries: int, max_bytes: int | None, on_evicted: Callable[[K, Entry[T]], None]) -> None:
        """Start empty.

        Args:
            max_entries: 0 keeps nothing.
            max_bytes: None bounds the number alone.
            on_evicted: Told about every entry that had to go, and about one that was too large to come.
        """
        # Ordered, because taking the oldest out of a large plain dict walks over all earlier removals.
        self.entries: OrderedDict[K, Entry[T]] = OrderedDict()
        self.bytes = 0
        """What the entries weigh together."""
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._on_evicted = on_evicted

    def put(self, key: K, entry: Entry[T]) -> bool:
        """Store an entry whose key is not there. Return False when it does not fit even alone."""
        most = self._max_bytes
        if self._max_entries == 0 or (most is not None and entry.weight > most):
            self._on_evicted(key, entry)
            return False
        while len(self.entries) >= self._max_entries or (most is not None and self.bytes + entry.weight > most):
            self._evict()
        self.entries[key] = entry
        self.bytes += entry.weight
        return True

    def pop(self, key: K) -> Entry[T] | None:
        """Take an entry out; None when there is none."""
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry.weight
        return entry

    def clear(self) -> None:
        """Take everything out, telling nobody."""
        self.entries.clear()
        self.bytes = 0

    def _evict(self) -> None:
        """Drop the oldest entry that nobody read since it was last passed over."""
        entries = self.entries
        for _ in range(EVICTION_SCAN):
            key, entry = entries.popitem(last=False)
            if not entry.used:
                break
            entry.used = False
            entries[key] = entry
        else:
            key, entry = entries.popitem(last=False)
        self.bytes -= entry.weight
        self._on_evicted(key, entry)
