"""Transports a test can turn, and remembering what the bus reports."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from unkey_api.infra.invalidation.ports import Invalidation, TransportDown, TransportEvents


@dataclass
class Reports:
    """Satisfies `BusObserver`."""

    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    received: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    delays: list[tuple[str, float]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    up: dict[str, bool] = field(default_factory=dict)

    def on_sent(self, cache: str, action: str) -> None:
        self.sent[cache, action] += 1

    def on_received(self, cache: str, action: str, status: str) -> None:
        self.received[cache, action, status] += 1

    def on_delivery(self, transport: str, seconds: float) -> None:
        self.delays.append((transport, seconds))

    def on_broadcast_error(self, transport: str) -> None:
        self.errors[transport] += 1

    def set_up(self, transport: str, *, up: bool) -> None:
        self.up[transport] = up


@dataclass
class Ears:
    """A handler that remembers what it heard and knows some caches."""

    known: frozenset[str] = frozenset({"keys", "apis"})
    heard: list[Invalidation] = field(default_factory=list)
    failure: Exception | None = None

    def __call__(self, change: Invalidation) -> bool:
        if self.failure is not None:
            raise self.failure
        if change.cache not in self.known:
            return False
        self.heard.append(change)
        return True


class Air:
    """What the transports of a test share."""

    def __init__(self) -> None:
        self.transports: list[AirTransport] = []

    def transport(self, name: str = "air", *, bytes_max: int = 400, up: bool = True) -> AirTransport:
        """Return a new transport; what one sends all receive, the sender included."""
        made = AirTransport(self, name, bytes_max, up=up)
        self.transports.append(made)
        return made


class AirTransport:
    """Satisfies `Transport` without leaving the process."""

    def __init__(self, air: Air, name: str, bytes_max: int, *, up: bool) -> None:
        self.name = name
        self.bytes_max = bytes_max
        self.refuses = 0
        """How many messages it will fail to send."""
        self.sent: list[bytes] = []
        self._up = up
        self._air = air
        self._events: TransportEvents | None = None

    async def run(self, events: TransportEvents) -> None:
        self._events = events
        self.switch(up=self._up)
        await asyncio.Event().wait()

    def switch(self, *, up: bool) -> None:
        """Go up or down."""
        self._up = up
        assert self._events is not None
        if up:
            self._events.went_up()
        else:
            self._events.went_down("switched off")

    def deliver(self, message: bytes) -> None:
        """Receive a message."""
        assert self._events is not None
        self._events.received(message)

    async def send(self, message: bytes) -> None:
        if self.refuses:
            self.refuses -= 1
            raise TransportDown("refused by the test")
        self.sent.append(message)
        for transport in self._air.transports:
            if transport._up:
                transport.deliver(message)
