"""What the limiter remembers: counters, and cells, which are one window of one counter.

There may be millions, so they are kept small: a counter has its running window and the one before at hand and nothing
else, unless other windows are asked for; what counters of one kind have in common is kept once, in their group; nothing
refers back, so that memory comes back the moment a counter is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from unkey_api.areas.ratelimit.engine.bounds import EVICTED_TOGETHER, LOOKED_AT, Share, TableBounds, untrack
from unkey_api.areas.ratelimit.engine.counts import LimiterCounts, WorkspaceCounts

Now = Callable[[], int]
"""Unix time in milliseconds."""

CounterKey = tuple[str, str, str, int]
"""Workspace id, namespace, identifier, duration in milliseconds."""

NO_LIMIT_SEEN = 1 << 63  # above every limit that can be asked for
LATE_MS = 2_500
"""How long before its start a window is read: half of what a read is good for, so that it still is good after it."""
KEPT_WINDOWS = 3  # a cell goes this many durations after its window began; then nothing can weigh it any more
NOT_QUEUED = -1
_NOWHERE = -(1 << 63)


class Group:
    """What counters of one workspace, namespace and duration have in common."""

    __slots__ = (
        "_before",
        "_limit",
        "_sequence",
        "counts",
        "duration_ms",
        "late_ms",
        "namespace",
        "share",
        "workspace_id",
    )

    def __init__(self, key: tuple[str, str, int], counts: WorkspaceCounts, share: Share) -> None:
        self.share = share
        self.workspace_id, self.namespace, self.duration_ms = key
        self.late_ms = self.duration_ms - min(self.duration_ms // 2, LATE_MS)
        """From when on, counted from the start of a window, counters in use get to know the next one."""
        self.counts = counts
        self._sequence = self._before = _NOWHERE
        self._limit = NO_LIMIT_SEEN

    def numbers(self, sequence: int) -> tuple[int, int]:
        """Return `sequence` and its predecessor as objects that counters of the group share."""
        if sequence != self._sequence:
            self._sequence, self._before = sequence, sequence - 1
        return self._sequence, self._before

    def same_limit(self, limit: int) -> int:
        """Return `limit` as an object that counters of the group share."""
        if limit != self._limit:
            self._limit = limit
        return self._limit


class Cell:
    """One window of one counter."""

    __slots__ = ("fresh_until", "group", "identifier", "last_pushed", "others", "pending", "sequence", "value")

    def __init__(self, group: Group, identifier: str, sequence: int) -> None:
        self.group = group
        self.identifier = identifier
        self.sequence = sequence
        self.value = 0
        """This region's count, as far as known here."""
        self.others = 0
        """Sum of the other regions' counts."""
        self.fresh_until = 0
        """Until when, by request time, the count may be used without asking the store; 0: never asked."""
        self.pending = NOT_QUEUED
        """Spent here and waiting to be sent to the store."""
        self.last_pushed = 0
        """What other regions were told last."""

    @property
    def hydrated(self) -> bool:
        """Whether the store was asked, successfully or not."""
        return self.fresh_until > 0

    @property
    def store_key(self) -> str:
        """The cell's name in the region's store: who counts, what, and when, and nothing else."""
        group = self.group
        return f"{group.workspace_id}-{group.namespace}-{self.identifier}-{group.duration_ms}:{self.sequence}"


class Counter:
    """The windows of one counter. `current` and `previous` exist while `sequence` is a window."""

    __slots__ = (
        "current",
        "extra",
        "following",
        "group",
        "identifier",
        "lowest_limit",
        "previous",
        "sequence",
        "strict_until",
    )

    def __init__(self, group: Group, identifier: str) -> None:
        self.group = group
        self.identifier = identifier
        self.strict_until = 0
        """Until when, by request time, an allowance must be confirmed with the store. Only moves up."""
        self.lowest_limit = NO_LIMIT_SEEN
        """Of those spent against; decides when the count is worth telling other regions."""
        self.sequence = _NOWHERE
        self.current: Cell
        self.previous: Cell
        self.following: Cell | None = None
        """The window after `current`, once it was read ahead of its start."""
        self.extra: dict[int, Cell] | None = None
        """Windows beside those two: seen by other regions first, or by requests that brought their own time."""

    def advance_to(self, sequence: int) -> int:
        """Put the windows `sequence` and `sequence - 1` at hand; return how many had to be created."""
        running, before = self.group.numbers(sequence)
        forward = self.sequence == before
        if forward and self.extra is None:  # the way of ordinary traffic
            following, self.following = self.following, None
            self.previous = self.current
            self.current = new_cell(self.group, self.identifier, running) if following is None else following
            self.sequence = running
            return 1 if following is None else 0
        known = {cell.sequence: cell for cell in self.cells()}
        found = len(known.keys() & {running, before})
        for number in (running, before):
            if number not in known:
                known[number] = new_cell(self.group, self.identifier, number)
        self.current = known.pop(running)
        self.previous = known.pop(before)
        self.following = None
        self.sequence = running
        oldest = running if forward else running - KEPT_WINDOWS
        self.extra = {number: cell for number, cell in known.items() if number > oldest} or None
        return 2 - found

    def cells(self) -> Iterator[Cell]:
        """Give every window there is."""
        if self.sequence != _NOWHERE:
            yield self.current
            yield self.previous
            if self.following is not None:
                yield self.following
        if self.extra is not None:
            yield from self.extra.values()

    def next_cell(self) -> Cell:
        """Create the window after the running one and return it. There must be a running one, and none after it."""
        number = self.sequence + 1
        if self.extra is not None and number in self.extra:
            self.following = self.extra.pop(number)
        else:
            self.following = new_cell(self.group, self.identifier, number)
        return self.following

    def cell(self, sequence: int) -> Cell:
        """Return the cell of a window, creating it."""
        for cell in self.cells():
            if cell.sequence == sequence:
                return cell
        if self.extra is None:
            self.extra = {}
        cell = self.extra[sequence] = new_cell(self.group, self.identifier, sequence)
        return cell

    def forget_before(self, now_ms: int) -> int:
        """Drop cells that can no longer count, those at hand together; return how many."""
        duration_ms = self.group.duration_ms
        gone = 0
        if self.extra is not None:
            before = len(self.extra)
            kept = {seq: cell for seq, cell in self.extra.items() if now_ms <= (seq + KEPT_WINDOWS) * duration_ms}
            self.extra = kept or None
            gone = before - len(kept)
        if self.sequence != _NOWHERE and now_ms > (self.sequence + KEPT_WINDOWS) * duration_ms:
            gone += 2 if self.following is None else 3
            self.sequence = _NOWHERE
            self.following = None
            del self.current, self.previous
        return gone

    def idle(self, now_ms: int) -> bool:
        """Say whether nothing it knows can weigh any more."""
        if self.sequence != _NOWHERE and now_ms < (self.sequence + 2) * self.group.duration_ms:
            return False
        return self.extra is None or all(now_ms >= (seq + 2) * self.group.duration_ms for seq in self.extra)

    def unsent(self) -> bool:
        """Say whether the store has not heard of all that was spent here."""
        return any(cell.pending > 0 for cell in self.cells())

    def __len__(self) -> int:
        """Return how many windows there are."""
        at_hand = 0 if self.sequence == _NOWHERE else 2 if self.following is None else 3
        return at_hand + (len(self.extra) if self.extra is not None else 0)


def new_cell(group: Group, identifier: str, sequence: int) -> Cell:
    """Return an empty cell that no garbage collection walks over: it holds nothing that leads back to it."""
    cell = Cell(group, identifier, sequence)
    untrack(cell)
    return cell


class Members:
    """The counters of a group, by identifier. Apart from the group, so that no counter leads back to itself."""

    __slots__ = ("counters", "group")

    def __init__(self, group: Group) -> None:
        self.group = group
        self.counters: dict[str, Counter] = {}

    def create(self, identifier: str) -> Counter:
        """Add a counter. With millions of them, looking at each would make a garbage collection take half a second."""
        counter = self.counters[identifier] = Counter(self.group, identifier)
        untrack(counter)
        untrack(self.counters)
        return counter


class CounterTable:
    """Every counter of this process, within bounds.

    A workspace that is at its bound loses counters of its own for a new one, those first that no window holds any more.
    Where the whole table is full, the workspace that holds the most of it does. An evicted counter that is asked about
    again continues from what the region's store has.
    """

    __slots__ = ("_bounds", "_counts", "_groups_of", "_now", "_shares", "_total", "dirty", "groups")

    def __init__(self, counts: LimiterCounts, *, now: Now, bounds: TableBounds | None = None) -> None:
        self._counts = counts
        self._now = now
        self._bounds = bounds or TableBounds()
        self._total = 0
        self._shares: dict[str, Share] = {}
        self._groups_of: dict[str, dict[tuple[str, str, int], Members]] = {}
        """Groups by workspace, those that were looked at for eviction last at the end."""
        self.groups: dict[tuple[str, str, int], Members] = {}
        self.dirty: set[Cell] = set()
        """Cells that grew since they were last told to other regions."""

    def __len__(self) -> int:
        return self._total

    def find(self, group: Group, identifier: str) -> Counter | None:
        """Return the counter if there is one."""
        members = self.groups.get((group.workspace_id, group.namespace, group.duration_ms))
        return None if members is None else members.counters.get(identifier)

    def locate(self, key: CounterKey) -> Counter:
        """Return the counter, creating it."""
        workspace_id, namespace, identifier, duration_ms = key
        members = self.groups.get((workspace_id, namespace, duration_ms))
        counter = None if members is None else members.counters.get(identifier)
        return self._create(key) if counter is None else counter

    def locate_if_room(self, key: CounterKey) -> Counter | None:
        """Return the counter, creating it unless others would have to go for it."""
        workspace_id, namespace, identifier, duration_ms = key
        members = self.groups.get((workspace_id, namespace, duration_ms))
        counter = None if members is None else members.counters.get(identifier)
        if counter is not None:
            return counter
        full = self._total >= self._bounds.total or self._held_by(workspace_id) >= self._bounds.per_workspace
        return None if full else self._create(key)

    def _create(self, key: CounterKey) -> Counter:
        workspace_id, namespace, identifier, duration_ms = key
        if self._held_by(workspace_id) >= self._bounds.per_workspace:
            self._make_room(workspace_id)
        elif self._total >= self._bounds.total:
            self._make_room(max(self._groups_of, key=self._held_by))
        group_key = (workspace_id, namespace, duration_ms)
        members = self.groups.get(group_key)
        if members is None:
            share = self._shares.setdefault(workspace_id, Share())
            group = Group(group_key, self._counts.workspace(workspace_id), share)
            members = self.groups[group_key] = Members(group)
            self._groups_of.setdefault(workspace_id, {})[group_key] = members
        self._total += 1
        members.group.share.counters += 1
        return members.create(identifier)

    def _held_by(self, workspace_id: str) -> int:
        share = self._shares.get(workspace_id)
        return 0 if share is None else share.counters

    def _make_room(self, workspace_id: str) -> None:
        """Evict some counters of the workspace: of those looked at next the idle ones, and if there are few, others."""
        now_ms = self._now()
        looked, gone = 0, 0
        groups = self._groups_of[workspace_id]
        spare: list[tuple[Members, str]] = []
        while looked < LOOKED_AT and groups and gone < EVICTED_TOGETHER:
            group_key = next(iter(groups))
            members = groups.pop(group_key)
            groups[group_key] = members  # the next look begins behind it
            for identifier in list(islice(members.counters, LOOKED_AT - looked)):
                looked += 1
                if members.counters[identifier].idle(now_ms):
                    self._evict(members, identifier)
                    gone += 1
                else:
                    members.counters[identifier] = members.counters.pop(identifier)
                    spare.append((members, identifier))
            untrack(members.counters)
            self.drop_if_empty(members)
            if looked >= self._held_by(workspace_id) + gone:
                break
        unsent = [pair for pair in spare if pair[0].counters[pair[1]].unsent()]
        ready = [pair for pair in spare if pair not in unsent] if unsent else spare
        for members, identifier in (ready or unsent)[: max(0, EVICTED_TOGETHER - gone)]:
            if identifier in members.counters:
                self._evict(members, identifier)
                self._counts.counters_pushed_out += 1
                self.drop_if_empty(members)

    def _evict(self, members: Members, identifier: str) -> None:
        counter = members.counters.pop(identifier)
        self._counts.windows_evicted += len(counter)
        self.dirty.difference_update(counter.cells())
        self._forget_one(members.group)

    def _forget_one(self, group: Group) -> None:
        self._total -= 1
        group.share.counters -= 1

    def merge_stored(self, cell: Cell, stored: int) -> None:
        """Merge what the region's store holds; what waits here to be sent is certainly not in it yet."""
        self.raise_value(cell, stored + cell.pending if cell.pending > 0 else stored)

    def raise_value(self, cell: Cell, value: int) -> None:
        """Merge what the region counted: never down."""
        if value > cell.value:
            cell.value = value
            self.dirty.add(cell)

    def raise_others(self, cell: Cell, value: int) -> None:
        """Merge what other regions counted: never down."""
        if value > cell.others:
            cell.others = value
            self.dirty.add(cell)

    def sweep(self, members: Members, identifiers: Iterable[str], now_ms: int) -> tuple[int, int]:
        """Drop what has run out among the counters; return how many cells went and how many are left."""
        gone = left = 0
        for identifier in identifiers:
            counter = members.counters.get(identifier)
            if counter is None:
                continue
            gone += counter.forget_before(now_ms)
            held = len(counter)
            left += held
            if not held and counter.strict_until < now_ms:
                del members.counters[identifier]
                self._forget_one(members.group)
        return gone, left

    def drop_if_empty(self, members: Members) -> None:
        """Forget a group without counters."""
        group = members.group
        key = (group.workspace_id, group.namespace, group.duration_ms)
        if not members.counters and self.groups.get(key) is members:
            del self.groups[key]
            groups = self._groups_of[group.workspace_id]
            del groups[key]
            if not groups:
                del self._groups_of[group.workspace_id], self._shares[group.workspace_id]
