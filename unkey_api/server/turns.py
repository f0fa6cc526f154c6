"""Whose turn it is: no caller has the event loop of a worker to himself.

A turn of the loop takes as long as everything that is ready in it, and a request needs several of them. So whoever
sends on many connections at once would make everybody wait for the work on all of them, several times over.

Work is therefore counted by party: an address, or a connection where the address is a proxy's. A party may work at once
until it has used up its share of a turn. From then on it waits in line, and of what waits so much is done in each turn
as a moment allows, one piece of each party after the other: deficit round robin with those first who have nothing
waiting, as in FQ-CoDel (RFC 8290). Who asks little is served as if nobody else were there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable

from unkey_api.core.clock import Clock

SHARE_SECONDS = 0.001_5  # of a turn, for each party
WAITING_SECONDS = 0.001_5  # of a turn, for everybody in line together


class _Party:
    """What one party has used of this turn, and what it wants done in later ones."""

    __slots__ = ("spent", "waiting")

    def __init__(self) -> None:
        self.spent = 0.0
        self.waiting: deque[tuple[Callable[[], None], float]] = deque()


class Turns:
    """Shares the turns of an event loop among those who send to it. One per worker, for all its listeners."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock.monotonic
        self._parties: dict[Hashable, _Party] = {}
        self._line: deque[_Party] = deque()
        """Those who wait, each once, in the order in which they are served."""
        self._pieces = 0
        """How many pieces of work wait."""
        self._expected = False

    def may_go(self, party: Hashable) -> bool:
        """Say whether a piece of work of this party may be done now. If not, it has to `wait`."""
        found = self._parties.get(party)
        return found is None or not (found.waiting or found.spent >= SHARE_SECONDS)

    def spend(self, party: Hashable, seconds: float) -> None:
        """Note how long a piece of work took, or will take where it is done by a task of its own."""
        self._of(party).spent += seconds

    def wait(self, party: Hashable, resume: Callable[[], None], *, seconds: float = 0.0) -> None:
        """Call `resume` when it is this party's turn, once. It may only do one piece of work.

        Args:
            party: Who waits.
            resume: What to do then; also called for who has left meanwhile.
            seconds: How long the work will take if `resume` only lets it begin.
        """
        found = self._of(party)
        if not found.waiting:
            self._line.append(found)
        found.waiting.append((resume, seconds))
        self._pieces += 1

    def _of(self, party: Hashable) -> _Party:
        found = self._parties.get(party)
        if found is None:
            found = self._parties[party] = _Party()
            self._expect_turn()
        return found

    def _expect_turn(self) -> None:
        if not self._expected:
            self._expected = True
            asyncio.get_running_loop().call_soon(self._begin_turn)

    def _begin_turn(self) -> None:
        self._expected = False
        self._parties = {name: party for name, party in self._parties.items() if party.waiting}
        if not self._parties:
            return
        for party in self._parties.values():
            party.spent = 0.0
        self._expect_turn()
        self._serve()

    def _serve(self) -> None:
        """Let those in line do one piece each, as long as there is time. What they want next is for the next turn."""
        line, began, promised, left = self._line, self.now(), 0.0, self._pieces
        while left and self.now() - began + promised < WAITING_SECONDS:
            left -= 1
            self._pieces -= 1
            party = line.popleft()
            resume, seconds = party.waiting.popleft()
            if party.waiting:
                line.append(party)
            promised += seconds
            resume()


class Share:
    """What one connection takes of the turns, for a party."""

    def __init__(self, turns: Turns, party: str) -> None:
        """Take whose share it is; one without a name has one of its own."""
        self._turns = turns
        self._party: Hashable = party or self
        self.now = turns.now

    async def turn(self, seconds: float = 0.0) -> None:
        """Return when a piece of work of about so many seconds may be done; at once if there is room."""
        if self._turns.may_go(self._party):
            return
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.wait(self._party, lambda: None if ready.done() else ready.set_result(None), seconds=seconds)
        await ready

    def spend(self, seconds: float) -> None:
        """Note how long a piece of work took, or will take where it is done by a task of its own."""
        self._turns.spend(self._party, seconds)
