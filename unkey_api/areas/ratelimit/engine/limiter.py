"""The limiter itself."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.areas.ratelimit.engine.arithmetic import Outcome, judge, used, window_end
from unkey_api.areas.ratelimit.engine.counts import LimiterCounts
from unkey_api.areas.ratelimit.engine.loading import CellLoader
from unkey_api.areas.ratelimit.engine.replay import ReplayQueue
from unkey_api.areas.ratelimit.engine.state import Cell, Counter, CounterTable
from unkey_api.areas.ratelimit.engine.types import BatchDecision, Check, Decision, validate
from unkey_api.core.clock import Clock


class RateLimiter:
    """Counts spends against sliding windows and says whether they fit.

    `limit` and `limit_many` never raise because a store is away. A check that has been decided has been counted, also
    when its caller is cancelled afterwards; one that is cancelled while waiting for the store has not.
    """

    __slots__ = ("_clock", "_dirty", "_groups", "_loader", "_table", "counts", "replays")

    def __init__(
        self, *, clock: Clock, table: CounterTable, loader: CellLoader, replays: ReplayQueue, counts: LimiterCounts
    ) -> None:
        """Put the parts together; `open_rate_limiter` does that and runs what works behind."""
        self.counts = counts
        self._clock = clock
        self._table = table
        self._groups = table.groups
        self._dirty = table.dirty
        self._loader = loader
        self.replays = replays
        """What waits for the store; public to be watched."""

    def try_limit_now(self, check: Check) -> Decision | None:
        """Decide at once if what is known here suffices; None means `limit` has to ask the store first.

        An invalid check gives None too, and `limit` raises for it.
        """
        found = self._look(check, check.time_ms or self._clock.now_ms())
        if found is None:
            return None
        counter, effective, now_ms = found
        limit = check.limit
        if effective > limit or limit == 0:
            counter.group.counts.local_denied += 1
            return self._deny(counter, limit, effective, now_ms)
        counter.current.value += check.cost
        return self._admit_now(counter, check, effective)

    def try_limit_many_now(self, checks: Sequence[Check]) -> BatchDecision | None:
        """Do the same for checks that pass together; None, with nothing counted, also when one of them does not fit."""
        now_ms = self._clock.now_ms()
        fitting: list[tuple[Counter, Check, int]] = []
        for check in checks:
            found = self._look(check, check.time_ms or now_ms)
            if found is None or found[1] > check.limit or check.limit == 0:
                for counter, taken, _ in fitting:
                    counter.current.value -= taken.cost
                return None
            counter, effective, _ = found
            counter.current.value += check.cost  # at once, because the next check may be of the same counter
            fitting.append((counter, check, effective))
        return BatchDecision(passed=True, decisions=tuple([self._admit_now(*each) for each in fitting]))

    def _look(self, check: Check, now_ms: int) -> tuple[Counter, int, int] | None:
        """Return the counter, all that would count, and `now_ms`; None if the store has to be asked first.

        A check that local counts already deny needs no store, however stale they are: what the store says can only add
        to them. The previous window is over and hardly changes any more, so once known it is read behind the answer;
        so is the next one, shortly before it begins.
        """
        workspace_id, namespace, identifier, limit, duration_ms, cost, _ = check
        members = self._groups.get((workspace_id, namespace, duration_ms))
        counter = None if members is None else members.counters.get(identifier)
        if counter is None or cost < 0 or limit < 0:
            return None
        sequence = now_ms // duration_ms
        if counter.sequence != sequence:
            return None
        current = counter.current
        previous = counter.previous
        if not current.fresh_until or not previous.fresh_until:
            return None
        into_ms = now_ms - sequence * duration_ms
        count = current.value + current.others
        effective = cost + used(count, previous.value + previous.others, into_ms=into_ms, duration_ms=duration_ms)
        if effective <= limit:
            if now_ms < counter.strict_until or now_ms >= current.fresh_until:
                return None
            if now_ms >= previous.fresh_until:
                self._loader.refresh_behind(previous, now_ms)
            if into_ms >= counter.group.late_ms and counter.following is None:
                self._prefetch(counter, now_ms)
        return counter, effective, now_ms

    def _prefetch(self, counter: Counter, now_ms: int) -> None:
        """Read the next window ahead, so that nobody who is here all the time waits for the store when it begins."""
        before = len(counter)
        following = counter.next_cell()
        self.counts.windows_created += len(counter) - before
        self._loader.refresh_behind(following, now_ms)

    def _admit_now(self, counter: Counter, check: Check, effective: int) -> Decision:
        """Note what was decided and added without the store."""
        limit = check.limit
        counter.group.counts.local_passed += 1
        self._note_spend(counter, counter.current, check.cost, limit)
        reset_ms = window_end(counter.sequence, check.duration_ms)
        return Decision(True, limit - effective, reset_ms, limit, effective)  # noqa: FBT003 - names cost time here

    async def limit(self, check: Check) -> Decision:
        """Count `check.cost` against the window and say whether it fits.

        Raises:
            InvalidCheck: An argument is out of range. Nothing was counted.
        """
        decision = self.try_limit_now(check)
        if decision is not None:
            return decision
        entry = (await self._prepare((check,)))[0]
        outcome = judge(entry.effective(entry.current.value + check.cost), check.limit)
        entry.note(passed=outcome.allowed)
        if not outcome.allowed:
            return self._deny(entry.counter, check.limit, outcome.effective, entry.now_ms)
        self._spend(entry.counter, entry.current, check.cost, check.limit)
        return _allowed(entry, outcome, outcome.remaining)

    async def limit_many(self, checks: Sequence[Check]) -> BatchDecision:
        """Count all checks or none: if one does not fit, nothing is consumed.

        Checks of the same counter see each other's cost.

        Raises:
            InvalidCheck: An argument of some check is out of range. Nothing was counted.
        """
        batch = self.try_limit_many_now(checks)
        if batch is not None:
            return batch
        entries = await self._prepare(checks)
        counts = [self._try_spend(entry) for entry in entries]
        outcomes = [judge(e.effective(count), e.check.limit) for e, count in zip(entries, counts, strict=True)]
        passed = all(outcome.allowed for outcome in outcomes)
        for entry in entries:
            entry.current.value -= entry.check.cost
        decisions: list[Decision] = []
        for entry, outcome in zip(entries, outcomes, strict=True):
            check = entry.check
            entry.note(passed=outcome.allowed)
            if not outcome.allowed:
                decisions.append(self._deny(entry.counter, check.limit, outcome.effective, entry.now_ms))
                continue
            remaining = outcome.remaining
            if passed:
                self._spend(entry.counter, entry.current, check.cost, check.limit)
            else:
                remaining += check.cost  # not consumed after all
            decisions.append(_allowed(entry, outcome, remaining))
        return BatchDecision(passed, tuple(decisions))

    async def _prepare(self, checks: Sequence[Check]) -> list[_Entry]:
        """Validate, find the cells and bring them up to date. The only place that awaits."""
        for check in checks:
            validate(check)
        now_ms = self._clock.now_ms()
        entries = [self._enter(check, check.time_ms or now_ms) for check in checks]
        stale = [
            (cell, entry.now_ms)
            for entry in entries
            for cell in (entry.current, entry.previous)
            if entry.now_ms >= cell.fresh_until and (entry.may_pass or not cell.hydrated)
        ]
        unconfirmed: list[tuple[Cell, int]] = []
        for entry in entries:
            if entry.now_ms < entry.counter.strict_until and entry.may_pass:
                entry.from_store = True
                unconfirmed.append((entry.current, entry.now_ms))
        await self._loader.refresh(stale, unconfirmed)
        return entries

    def _enter(self, check: Check, now_ms: int) -> _Entry:
        counter = self._table.locate((check.workspace_id, check.namespace, check.identifier, check.duration_ms))
        sequence = now_ms // check.duration_ms
        if counter.sequence != sequence:
            self.counts.windows_created += counter.advance_to(sequence)
        return _Entry(check, counter, now_ms)

    @staticmethod
    def _try_spend(entry: _Entry) -> int:
        entry.current.value += entry.check.cost
        return entry.current.value

    def _spend(self, counter: Counter, cell: Cell, cost: int, limit: int) -> None:
        cell.value += cost
        self._note_spend(counter, cell, cost, limit)

    def _note_spend(self, counter: Counter, cell: Cell, cost: int, limit: int) -> None:
        """Have the store and other regions told about what was added to the cell."""
        if limit < counter.lowest_limit:
            counter.lowest_limit = counter.group.same_limit(limit)
        self._dirty.add(cell)
        self.replays.add(cell, cost)

    def _deny(self, counter: Counter, limit: int, effective: int, now_ms: int) -> Decision:
        duration_ms = counter.group.duration_ms
        if limit:  # a limit of 0 denies for good; there is nothing to confirm with the store
            counter.strict_until = max(counter.strict_until, now_ms + duration_ms)
            counter.group.counts.strict_activations += 1
        reset_ms = window_end(now_ms // duration_ms, duration_ms)
        return Decision(success=False, remaining=0, reset_ms=reset_ms, limit=limit, current=effective)


class _Entry:
    """A check with its cells. Holds on to them, because the counter may turn to another window while this one waits."""

    __slots__ = ("check", "counter", "current", "from_store", "now_ms", "previous", "sequence")

    def __init__(self, check: Check, counter: Counter, now_ms: int) -> None:
        self.check = check
        self.counter = counter
        self.now_ms = now_ms
        self.sequence = counter.sequence
        self.current = counter.current
        self.previous = counter.previous
        self.from_store = not (self.current.hydrated and self.previous.hydrated)

    @property
    def reset_ms(self) -> int:
        return window_end(self.sequence, self.check.duration_ms)

    @property
    def may_pass(self) -> bool:
        """Whether the check fits what is known here. If not, asking the store is in vain: it can only add."""
        return judge(self.effective(self.current.value + self.check.cost), self.check.limit).allowed

    def effective(self, count: int) -> int:
        """Return everything that counts when the running window holds `count` of this region, costs included."""
        duration_ms = self.check.duration_ms
        return used(
            count + self.current.others,
            self.previous.value + self.previous.others,
            into_ms=self.now_ms - self.sequence * duration_ms,
            duration_ms=duration_ms,
        )

    def note(self, *, passed: bool) -> None:
        """Count the decision under its source and outcome."""
        counts = self.counter.group.counts
        if self.from_store:
            counts.origin_passed += passed
            counts.origin_denied += not passed
        else:
            counts.local_passed += passed
            counts.local_denied += not passed


def _allowed(entry: _Entry, outcome: Outcome, remaining: int) -> Decision:
    return Decision(
        success=True,
        remaining=remaining,
        reset_ms=entry.reset_ms,
        limit=entry.check.limit,
        current=outcome.effective,
    )
