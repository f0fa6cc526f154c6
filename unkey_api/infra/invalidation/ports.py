"""What the bus is for those who use it, what a transport to other processes is for the bus, and caches by their names.

By name, what is said about an entry can be acted on wherever it is heard.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, Protocol, TypeVar


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


K = TypeVar("K", bound=Hashable)
KP_contra = TypeVar("KP_contra", bound=Hashable, contravariant=True)


class DroppingCache(Protocol[KP_contra]):
    """A cache that forgets on demand."""

    name: str

    def drop(self, key: KP_contra, /) -> None:
        """Forget a key, and do not store what is being loaded for it."""
        ...

    def drop_all(self) -> None:
        """Forget everything, and do not store what is being loaded."""
        ...


class KeyText(NamedTuple, Generic[K]):
    """How the keys of a cache are written."""

    write: Callable[[K], str]
    read: Callable[[str], K]
    """Raises ValueError for a text that is no key."""


PLAIN: KeyText[str] = KeyText(str, str)
"""Keys that are texts already."""


def _split(text: str) -> tuple[str, str]:
    workspace, colon, key = text.partition(":")
    if not colon:
        raise ValueError("the key lacks its workspace")
    return workspace, key


IN_WORKSPACE: KeyText[tuple[str, str]] = KeyText(":".join, _split)
"""Keys that are a workspace and something in it. Ids of workspaces hold no colon."""


class NamedCaches:
    """The caches of a process by name."""

    def __init__(self) -> None:
        """Start without any."""
        self._drop: dict[str, Callable[[str], None]] = {}
        self._drop_all: dict[str, Callable[[], None]] = {}

    def add(self, cache: DroppingCache[K], text: KeyText[K]) -> None:
        """Add a cache. Its name must be the same in every process."""
        self._drop[cache.name] = lambda key: cache.drop(text.read(key))
        self._drop_all[cache.name] = cache.drop_all

    def drop(self, entry: Invalidation) -> bool:
        """Forget what no longer holds. False without such a cache; raises ValueError for a key it cannot have."""
        if entry.cache not in self._drop:
            return False
        if entry.key is None:
            self._drop_all[entry.cache]()
        else:
            self._drop[entry.cache](entry.key)
        return True

    def drop_all(self) -> None:
        """Forget everything."""
        for drop_all in self._drop_all.values():
            drop_all()
