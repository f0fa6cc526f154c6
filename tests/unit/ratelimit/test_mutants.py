"""The sequences find every mistake a limiter has been known to make, when it is planted into a copy of the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.limit_sequences import ENGINE, Difference, Sequences
from tests.support.mutants import Mutant, mutated
from unkey_api.areas.ratelimit.engine import running

ENOUGH = {"alone": 1_500, "spread": 600, "strict": 300, "parallel": 300}
"""Sequences of each family that a mutant is shown, at most."""

MUTANTS = [
    Mutant("weight_ignored", "arithmetic.py", "(1.0 - into_ms / duration_ms)", "1"),
    Mutant("weight_reversed", "arithmetic.py", "(1.0 - into_ms / duration_ms)", "(into_ms / duration_ms)"),
    Mutant("weight_rounded", "arithmetic.py", "int(previous", "round(previous"),
    Mutant("previous_forgotten", "arithmetic.py", "current + int(", "current + 0 * int("),
    Mutant("limit_exclusive", "arithmetic.py", "if effective > limit or", "if effective >= limit or"),
    Mutant("zero_limit_allows", "arithmetic.py", "if effective > limit or limit == 0:", "if effective > limit:"),
    Mutant("strict_mode_missing", "limiter.py", "entry.now_ms < entry.counter.strict_until", "False"),
    Mutant(
        "strict_mode_skipped_when_warm",
        "limiter.py",
        "if now_ms < counter.strict_until or now_ms >= current.fresh_until:",
        "if now_ms >= current.fresh_until:",
    ),
    Mutant("strict_mode_never_begins", "limiter.py", "max(counter.strict_until, now_ms + duration_ms)", "0"),
    Mutant(
        "denied_spends_counted",
        "limiter.py",
        "        if not outcome.allowed:\n            return self._deny",
        ("        if not outcome.allowed:\n            entry.current.value += 1\n            return self._deny"),
    ),
    Mutant(
        "denied_spends_counted_when_warm", "limiter.py", "group.counts.local_denied += 1", "current.value += check.cost"
    ),
    Mutant("batch_not_undone", "limiter.py", "entry.current.value -= entry.check.cost", "pass"),
    Mutant("warm_batch_not_undone", "limiter.py", "counter.current.value -= taken.cost", "pass"),
    Mutant("window_read_ahead_is_another", "state.py", "number = self.sequence + 1", "number = self.sequence + 2"),
    Mutant("batch_gives_back_nothing", "limiter.py", "remaining += check.cost", "pass"),
    Mutant(
        "check_then_act",
        "limiter.py",
        "        entry.note(passed=outcome.allowed)\n        if not outcome",
        (
            "        import asyncio\n        await asyncio.sleep(0)\n        entry.note(passed=outcome.allowed)\n"
            "        if not outcome"
        ),
    ),
    Mutant(
        "reset_of_another_window",
        "limiter.py",
        "reset_ms = window_end(counter.sequence, check.duration_ms)",
        "reset_ms = window_end(counter.sequence + 1, check.duration_ms)",
    ),
    Mutant(
        "remaining_before_the_spend",
        "limiter.py",
        "Decision(True, limit - effective,",
        "Decision(True, limit - effective + check.cost,",
    ),
    Mutant("stale_forever", "loading.py", "FRESH_MS = 5_000", "FRESH_MS = 50_000_000"),
    Mutant("store_not_read", "loading.py", "self._table.merge_stored(cell, values[index])", "pass"),
    Mutant("double_replay", "replay.py", "cell.pending += amount", "cell.pending += 2 * amount"),
    Mutant(
        "replayed_again",
        "replay.py",
        "values = await self._store.add(increments)",
        "values = [await self._store.add(increments), await self._store.add(increments)][1]",
    ),
    Mutant("replay_lost", "replay.py", "            self._queue.append(cell)\n", "            pass\n"),
    Mutant("lifetime_in_milliseconds", "replay.py", "return lifetime_ms // 1_000", "return lifetime_ms"),
    Mutant("lifetime_of_one_window", "replay.py", "KEPT_WINDOWS * duration_ms", "1 * duration_ms"),
    Mutant(
        "synchronised_twice", "state.py", "stored + cell.pending if cell.pending > 0 else stored", "cell.value + stored"
    ),
    Mutant("count_follows_an_empty_store", "state.py", "if value > cell.value:", "if value != cell.value:"),
    Mutant("namespace_not_in_the_key", "state.py", "{group.workspace_id}-{group.namespace}-", "{group.workspace_id}-"),
    Mutant("workspace_not_in_the_key", "state.py", "{group.workspace_id}-{group.namespace}-", "{group.namespace}-"),
    Mutant("duration_not_in_the_key", "state.py", "{self.identifier}-{group.duration_ms}:", "{self.identifier}:"),
    Mutant(
        "workspaces_share_counters",
        "state.py",
        "group_key = (workspace_id, namespace, duration_ms)",
        ("group_key = ('', namespace, duration_ms)"),
    ),
    Mutant(
        "expired_window_counted",
        "state.py",
        "forward = self.sequence == before",
        "forward = _NOWHERE < self.sequence <= before",
    ),
    Mutant(
        "window_not_carried_over",
        "state.py",
        "self.previous = self.current",
        ("self.previous = Cell(self.group, self.identifier, before)"),
    ),
]


async def run_all(package: str) -> None:
    for number, (family, count) in enumerate(ENOUGH.items()):
        await getattr(Sequences(package, seed=10 + number), family)(count)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_a_planted_mistake_is_found(mutant: Mutant, tmp_path: Path) -> None:
    with mutated(ENGINE, mutant, tmp_path) as package, pytest.raises(Difference):
        await run_all(package)


async def test_an_unbroken_copy_passes(tmp_path: Path) -> None:
    same = Mutant("none", "limiter.py", '"""The limiter itself."""', '"""A copy."""')
    with mutated(ENGINE, same, tmp_path) as package:
        assert package != running.__package__
        await run_all(package)
