"""What loads a cache's entries, and the ways to call it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Load = Callable[[K], Coroutine[Any, Any, V | None]]  # Any: the coroutine protocol's own
"""Asks the source for one key; None means there is no such thing."""
LoadMany = Callable[[Sequence[K]], Coroutine[Any, Any, Mapping[K, V]]]  # Any: the same
"""Asks the source for several keys at once; absent keys are those left out."""


def never(_: Exception) -> bool:
    """Say of no error that it means absence."""
    return False


def nobody(_: object) -> None:
    """Tell nobody."""


def one(
    key: K, load: Load[K, V], is_absent: Callable[[Exception], bool]
) -> Callable[[], Coroutine[Any, Any, Mapping[K, V | None]]]:
    """Return the work of loading one key."""

    async def work() -> Mapping[K, V | None]:
        try:
            return {key: await load(key)}
        except Exception as error:
            if is_absent(error):
                return {key: None}
            raise

    return work


def many(keys: tuple[K, ...], load: LoadMany[K, V]) -> Callable[[], Coroutine[Any, Any, Mapping[K, V | None]]]:
    """Return the work of loading several keys at once."""

    async def work() -> Mapping[K, V | None]:
        found = await load(keys)
        return {key: found.get(key) for key in keys}

    return work
