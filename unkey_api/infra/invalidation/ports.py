"""What the bus is for those who use it, and what a transport to other processes is for the bus."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Invalidation(NamedTuple):
    """Something cached that no longer holds."""

    cache: str
    """Name of the cache."""
    key: str | None
    """Key as text; None for every entry."""


Handler = Callable[[Invalidation], bool]
"""Forgets what another process has changed. Returns False when there is no such cache here."""
HeadListener = Callable[[int, int], None]
"""Takes a lane of the log of changes and the newest revision another process wrote there."""


class InvalidationBus(Protocol):
    """Tells other processes what changed, and hears it from them."""

    def publish(self, cache: str, key: str | None) -> None:
        """Tell the others soon. Never waits, never raises; may be lost. Call it after the commit."""
        ...

    def publish_head(self, lane: int, revision: int) -> None:
        """Tell the others soon how far a lane of the log of changes is. As `publish` does."""
        ...

    def subscribe(self, handler: Handler) -> None:
        """Call `handler` with what others have changed, never with what this process has."""
        ...

    def subscribe_heads(self, listener: HeadListener) -> None:
        """Call `listener` with how far others have written the log of changes."""
        ...


class TransportDown(Exception):
    """The transport does not work at the moment. The message says why."""


class TransportEvents(Protocol):
    """What a transport reports."""

    def received(self, message: bytes) -> None:
        """Take a message; it may be this process's own."""
        ...

    def went_up(self) -> None:
        """Note that messages get through from now on."""
        ...

    def went_down(self, why: str) -> None:
        """Note that they no longer do. May repeat."""
        ...


class Transport(Protocol):
    """A transport to all other processes and back. It comes back by itself when it was lost."""

    name: str
    """Label of the transport in metrics."""
    bytes_max: int
    """Size of the largest message."""

    async def run(self, events: TransportEvents) -> None:
        """Keep connected, reporting to `events`, until cancelled. Raises only on a bug."""
        ...

    async def send(self, message: bytes) -> None:
        """Send one message, at most once, within two seconds.

        Raises:
            TransportDown: It was not sent, or nobody can tell.
        """
        ...


class BusObserver(Protocol):
    """Told what the bus does, for metrics."""

    def on_sent(self, cache: str, action: str) -> None:
        """Count a change told. `action` is `remove` or `clear`."""
        ...

    def on_received(self, cache: str, action: str, status: str) -> None:
        """Count a change heard. `status` is `handled`, `skipped_self`, `skipped_unknown` or `error`."""
        ...

    def on_delivery(self, transport: str, seconds: float) -> None:
        """Note how long the oldest change of a message was under way."""
        ...

    def on_broadcast_error(self, transport: str) -> None:
        """Count a change or message that could not be told."""
        ...

    def set_up(self, transport: str, *, up: bool) -> None:
        """Note whether a transport works."""
        ...
