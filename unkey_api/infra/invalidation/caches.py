"""Caches on the bus."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, Protocol, TypeVar

from unkey_api.infra.invalidation.ports import Invalidation, InvalidationBus

K = TypeVar("K", bound=Hashable)
KP = TypeVar("KP", bound=Hashable)


class SharedCache(Protocol[KP]):
    """A cache whose removals others should hear of."""

    name: str

    def announce_to(self, tell: Callable[[KP | None], None]) -> None:
        """Have `tell` called with every key that is removed here; None stands for all."""
        ...

    def drop(self, key: KP) -> None:
        """Forget a key, telling nobody."""
        ...

    def drop_all(self) -> None:
        """Forget everything, telling nobody."""
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


class CacheCluster:
    """Keeps caches of all processes in step: what is removed here is dropped there, and the other way round."""

    def __init__(self, bus: InvalidationBus) -> None:
        self._bus = bus
        self._forget: dict[str, Callable[[str | None], None]] = {}
        bus.subscribe(self._heard)

    def join(self, cache: SharedCache[K], text: KeyText[K]) -> None:
        """Put a cache on the bus. Its name must be the same in every process."""

        def forget(key: str | None) -> None:
            if key is None:
                cache.drop_all()
            else:
                cache.drop(text.read(key))

        self._forget[cache.name] = forget
        cache.announce_to(lambda key: self._bus.publish(cache.name, None if key is None else text.write(key)))

    def _heard(self, change: Invalidation) -> bool:
        forget = self._forget.get(change.cache)
        if forget is None:
            return False
        forget(change.key)
        return True
