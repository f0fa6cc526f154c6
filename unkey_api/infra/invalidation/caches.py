"""Caches by name, so that what is said about an entry can be acted on wherever it is heard."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, Protocol, TypeVar

from unkey_api.infra.invalidation.ports import Invalidation

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
