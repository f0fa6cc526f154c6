"""Cancelling at random moments, and checking that every answer belongs to its question.

How many cancellations there are in all, and how long a storm may take, come from the environment: `make test` keeps to
the defaults, `make soak` asks for a million.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

CANCELLATIONS_VARIABLE = "UNKEY_STORM_CANCELLATIONS"
SECONDS_VARIABLE = "UNKEY_STORM_SECONDS"
CANCELLATIONS = 10_000
SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class StormPlan:
    """How hard one storm blows."""

    cancellations: int
    seconds: float
    """When this is over the storm ends, and fails if there were fewer."""

    @classmethod
    def share(cls, part: float) -> StormPlan:
        """Return the plan of a storm that takes this part of the whole."""
        asked = os.environ.get(CANCELLATIONS_VARIABLE)
        return cls(
            cancellations=int(int(asked or CANCELLATIONS) * part),
            seconds=float(os.environ.get(SECONDS_VARIABLE) or SECONDS),
        )


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an asker waits before it gives up."""

    turns: int | None = None
    """Turns of the loop."""
    seconds: float | None = None
    """Neither: for ever."""


class Storm:
    """Asks for nonces from many tasks, gives up on some answers, and remembers what came back."""

    def __init__(self, plan: StormPlan, *, seed: int, at_once: int, longest_seconds: float) -> None:
        """Take the plan. No asker that gives up waits longer than `longest_seconds`; make it the time of an answer."""
        self.answered = self.cancelled = self.refused = 0
        self.wrong: list[tuple[int, object]] = []
        self.random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._plan = plan
        self._at_once = at_once
        self._longest = longest_seconds
        self._asked = 0
        self._took = 0.0

    async def rage(
        self,
        ask: Callable[[int], Awaitable[object]],
        *,
        expect: Callable[[int], object] = lambda nonce: nonce,
        refusals: tuple[type[Exception], ...] = (),
    ) -> None:
        """Ask until there were enough cancellations or time is up.

        Args:
            ask: Asks for one nonce.
            expect: What the right answer to a nonce is.
            refusals: Errors that are no wrong answer. Any other fails the test.
        """
        began = time.monotonic()
        until = began + self._plan.seconds
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._at_once):
                tasks.create_task(self._asker(ask, expect, refusals, until))
        self._took = time.monotonic() - began

    def verify(self) -> None:
        """Fail the test unless every answer was right and the storm was one."""
        print(  # noqa: T201 - the figures of a storm are what it is for
            f"\nstorm: {self.cancelled:,} cancelled, {self.answered:,} answered, {len(self.wrong)} mismatched, "
            f"{self.refused} refused, in {self._took:.1f} s"
        )
        assert self.wrong == []
        assert self.answered > self.cancelled / 10
        assert self.cancelled >= self._plan.cancellations, f"no more in {self._plan.seconds} s"

    def patience(self) -> Patience:
        """Draw how long the next asker waits."""
        kind = self.random.random()
        if kind < 0.25:
            return Patience()
        if kind < 0.6:
            return Patience(turns=self.random.randrange(12))
        return Patience(seconds=self.random.uniform(0, self._longest))

    @property
    def _goes_on(self) -> bool:
        return self.cancelled < self._plan.cancellations

    async def _asker(
        self,
        ask: Callable[[int], Awaitable[object]],
        expect: Callable[[int], object],
        refusals: tuple[type[Exception], ...],
        until: float,
    ) -> None:
        while self._goes_on and time.monotonic() < until:
            self._asked += 1
            nonce = self._asked
            call = asyncio.ensure_future(ask(nonce))
            await _lose_patience(call, self.patience())
            try:
                got = await call
            except asyncio.CancelledError:
                self.cancelled += 1
            except refusals:
                self.refused += 1
            else:
                self.answered += 1
                if got != expect(nonce):
                    self.wrong.append((nonce, got))


def tell_connections(store: str, count: int) -> None:
    """Print how many connections there are once a storm is over."""
    print(f"       {count} connections to {store} at the end")  # noqa: T201 - as above


async def _lose_patience(call: asyncio.Future[object], patience: Patience) -> None:
    if patience.turns is not None:
        for _ in range(patience.turns):
            await asyncio.sleep(0)
        call.cancel()
        return
    await asyncio.wait([call], timeout=patience.seconds)
    call.cancel()
