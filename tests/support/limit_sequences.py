"""Random sequences of checks, run against an engine and against the model; any difference is an error.

The engine comes from a package given by name, so that the same sequences can be run against a broken copy of it.
"""

from __future__ import annotations

import asyncio
import importlib
import random
from collections.abc import Sequence
from typing import Any

from tests.support.clock import FixedClock
from tests.support.limit_model import Answer, Ask, Model
from tests.support.limiter import START
from unkey_api.core.errors import ServiceUnavailable

ENGINE = "unkey_api.areas.ratelimit.engine"
DURATIONS = (1_000, 2_500, 60_000)
LIMITS = (0, 1, 3, 10, 10, 50)
COSTS = (0, 1, 1, 2, 5)
STEPS_MS = (0, 1, 137, 500, 999, 1_000, 2_501, 5_000, 29_999, 61_234)
LONG_STEPS_MS = (5_000, 5_001, 7_300, 30_000, 61_000)
"""At least as long as a read of the store is good for, so that every check reads."""
NODES_LIVE = 1_000  # sequences before the engine is built anew


class Difference(AssertionError):
    """The engine does not do what the model does."""


class PlainStore:
    """Counters of the region. Unlike `MemoryCounterStore` it costs as little as possible and never waits."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.down = False
        self.held: dict[str, list[int]] = {}
        """Count, time to live in seconds, end in milliseconds."""

    async def read_many(self, keys: Sequence[str]) -> list[int]:
        self._answer()
        return [self.count(key) for key in keys]

    async def increment_many(self, increments: Sequence[Any]) -> list[int | None]:  # the engine's own tuples
        self._answer()
        for key, amount, seconds in increments:
            if self.count(key) == 0 and amount:
                self.held[key] = [0, seconds, self.clock.now_ms() + 1_000 * seconds]
            if key in self.held:
                self.held[key][0] += amount
        return [self.count(key) for key, _, _ in increments]

    def count(self, key: str) -> int:
        held = self.held.get(key)
        if held is None or self.clock.now_ms() >= held[2]:
            self.held.pop(key, None)
            return 0
        return held[0]

    def _answer(self) -> None:
        if self.down:
            raise ServiceUnavailable("away", internal="turned off by the sequence")


class _Quiet:
    def store_called(self, *_: object) -> None:
        """Nobody asks."""


class Sequences:
    """Runs families of sequences. Each raises `Difference` for the first that differs."""

    def __init__(self, package: str = ENGINE, *, seed: int = 1) -> None:
        self._build: Any = importlib.import_module(f"{package}.running").build_rate_limiter  # may be a broken copy
        self._check: Any = importlib.import_module(f"{package}.types").Check  # the same
        self._draw = random.Random(seed)  # noqa: S311 - the same sequences on every run
        self._clock = FixedClock(START)
        self._number = 0
        self._nodes: list[Any] = []
        self._store = PlainStore(self._clock)

    async def alone(self, count: int) -> None:
        """One node: whatever the order, the batching and the store's absence, it is a sliding window to the unit."""
        for done in range(count):
            if done % NODES_LIVE == 0:
                self._restart(nodes=1)
            await self._alone()

    async def spread(self, count: int) -> None:
        """Three nodes that read before each check, and send after it, are together one sliding window."""
        for done in range(count):
            if done % NODES_LIVE == 0:
                self._restart(nodes=3)
            model, names = Model(), self._names()
            for _ in range(self._draw.randint(2, 4)):
                self._clock.advance(self._draw.choice(LONG_STEPS_MS))
                node = self._draw.choice(self._nodes)
                await self._compare(node, model, self._asks(names))
                await node.replays.flush()
            self._compare_store(model)

    async def strict(self, count: int) -> None:
        """After a denial the store is asked, however fresh the count is."""
        for done in range(count):
            if done % NODES_LIVE == 0:
                self._restart(nodes=2)
            self._clock.set((self._clock.now_ms() // 60_000 + 2) * 60_000)
            one, other = self._nodes
            model, (name, *_) = Model(), self._names()
            limit = self._draw.randint(2, 20)
            first, second = self._draw.randint(0, limit), self._draw.randint(0, limit)
            # Cost 0 lets a node know the counter while it is empty.
            plan = [(other, 0), (one, 0), (one, first), (one, limit + 1)]
            plan += [(other, min(second, limit - first)), (one, self._draw.randint(0, limit))]
            for node, cost in plan:
                self._clock.advance(self._draw.randint(0, 500))
                ask = Ask("ws", "ns", name, limit, 60_000, cost)
                # What the other node spends fits, so that only the first one's answers depend on knowing it.
                await self._compare(node, model, [ask], successes_only=node is other)
                await node.replays.flush()

    async def parallel(self, count: int) -> None:
        """Checks that run at the same time never take more than there is, nor less."""
        for done in range(count):
            if done % NODES_LIVE == 0:
                self._restart(nodes=1)
            self._clock.set((self._clock.now_ms() // 60_000 + 2) * 60_000)
            limiter = self._nodes[0].limiter
            limit, cost = self._draw.randint(1, 9), self._draw.randint(1, 3)
            (name, *_) = self._names()
            check = self._check("ws", "ns", name, limit, 60_000, cost)
            if self._draw.random() < 0.3:
                await limiter.limit(check._replace(cost=limit + 1))  # strict from now on
            answers = await asyncio.gather(*(self._either(limiter, check) for _ in range(limit // cost + 3)))
            if sum(answers) != limit // cost:
                raise Difference(f"{sum(answers)} of {limit // cost} passed")

    async def _either(self, limiter: Any, check: Any) -> bool:
        if self._draw.random() < 0.5:
            return bool((await limiter.limit(check)).success)
        return bool((await limiter.limit_many([check])).passed)

    async def _alone(self) -> None:
        draw, clock, store = self._draw, self._clock, self._store
        (node,) = self._nodes
        model, names = Model(), self._names()
        disturbed = False
        for _ in range(draw.randint(2, 4)):
            clock.advance(draw.choice(STEPS_MS))
            chance = draw.random()
            if chance < 0.03:
                store.down = disturbed = True
            elif chance < 0.05:
                store.held.clear()
                disturbed = True
            elif chance < 0.2:
                await node.replays.flush()
            await self._compare(node, model, self._asks(names))
        await node.replays.flush()
        if disturbed:
            store.down = False
            clock.advance(10_000)  # past the breaker's pause
        else:
            self._compare_store(model)

    def _names(self) -> tuple[str, str]:
        self._number += 1
        return (f"{self._number}a", f"{self._number}b")

    def _asks(self, names: Sequence[str]) -> list[Ask]:
        """Return a check, or a few. Most are about one counter, some differ in one part of its identity."""
        draw = self._draw
        asks = []
        for _ in range(1 if draw.random() < 0.8 else draw.randint(2, 3)):
            chance = draw.random()
            asks.append(
                Ask(
                    "w2" if chance < 0.06 else "w1",
                    "n2" if 0.06 <= chance < 0.12 else "n1",
                    names[0.12 <= chance < 0.18],
                    draw.choice(LIMITS),
                    DURATIONS[self._number % 3] if chance < 0.82 else draw.choice(DURATIONS),
                    draw.choice(COSTS),
                )
            )
        return asks

    async def _compare(self, node: Any, model: Model, asks: Sequence[Ask], *, successes_only: bool = False) -> None:
        now_ms = self._clock.now_ms()
        checks = [self._check(*ask) for ask in asks]
        if len(checks) == 1:
            decision = node.limiter.try_limit_now(checks[0]) or await node.limiter.limit(checks[0])
            got = [Answer(decision.success, decision.remaining, decision.reset_ms)]
        else:
            batch = await node.limiter.limit_many(checks)
            got = [Answer(each.success, each.remaining, each.reset_ms) for each in batch.decisions]
            if batch.passed != all(answer.success for answer in got):
                raise Difference("a batch passes when all its checks do")
        expected = model.ask_many(asks, now_ms)
        if successes_only:
            got, expected = ([answer._replace(remaining=0) for answer in answers] for answers in (got, expected))
        if got != expected:
            raise Difference(f"at {now_ms} {asks}: {got}, expected {expected} after {model.spent}")

    def _compare_store(self, model: Model) -> None:
        """The store holds what was spent, under the documented names, for as long as it counts and one duration on."""
        for what in {counter for counter, _, _ in model.spent}:
            workspace_id, namespace, identifier, duration_ms = what
            for number in {when // duration_ms for counter, when, _ in model.spent if counter == what}:
                if self._clock.now_ms() >= (number + 2) * duration_ms:
                    continue
                key = f"{workspace_id}-{namespace}-{identifier}-{duration_ms}:{number}"
                spent = model.window(what, number)
                if self._store.count(key) != spent:
                    raise Difference(f"{key} holds {self._store.count(key)}, spent {spent}")
                if spent and self._store.held[key][1] != 3 * duration_ms // 1_000:
                    raise Difference(f"{key} lives for {self._store.held[key][1]} s")

    def _restart(self, *, nodes: int) -> None:
        self._store = PlainStore(self._clock)
        self._nodes = [self._build(self._store, clock=self._clock, observer=_Quiet()) for _ in range(nodes)]
