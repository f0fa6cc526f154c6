"""Answers that come late: who guesses waits for each refusal, and so guesses slowly.

Waiting costs the one who guesses a connection or a stream for all that time, and the service a timer. How many wait is
bounded, per party and in all; one more is answered at once, as it would be without a tarpit.
"""

from __future__ import annotations

import asyncio
from collections import Counter


class Tarpit:
    """Holds answers back. One per process."""

    def __init__(self, *, seconds: float, per_party: int, in_all: int) -> None:
        """Take how long each waits, and how many may wait at once."""
        self._seconds = seconds
        self._per_party = per_party
        self._in_all = in_all
        self._held: Counter[str] = Counter()
        self.held = 0
        """How many wait."""
        self._end = asyncio.Event()

    async def hold(self, party: str) -> bool:
        """Return after the time to wait, or at once when there is no room or the process stops; say which it was."""
        if self._seconds <= 0 or self._end.is_set():
            return False
        if self._held.get(party, 0) >= self._per_party or self.held >= self._in_all:
            return False
        self._held[party] += 1
        self.held += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._end.wait()
        except TimeoutError:
            pass
        finally:
            self.held -= 1
            self._held[party] -= 1
            if not self._held[party]:
                del self._held[party]
        return True

    def close(self) -> None:
        """Let everybody go, and hold nobody from now on: the process stops."""
        self._end.set()
