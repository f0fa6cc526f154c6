"""What loads a cache's entries, and the ways to call it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from typing import Any, TypeVar

from unkey_api.infra.resilience.breaker import DependencyTimeout

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")

Load = Callable[[K], Coroutine[Any, Any, V | None]]  # Any: the coroutine protocol's own
"""Asks the source for one key; None means there is no such thing."""
LoadMany = Callable[[Sequence[K]], Coroutine[Any, Any, Mapping[K, V]]]  # Any: the same
"""Asks the source for several keys at once; absent keys are those left out."""


def never(_: Exception) -> bool:
    """Say of no error that it means absence."""
    return False


def anything(_: object) -> bool:
    """Say that every value may have changed."""
    return True


def one(
    key: K, load: Load[K, V], is_absent: Callable[[Exception], bool], *, seconds: float
) -> Callable[[], Coroutine[Any, Any, Mapping[K, V | None]]]:
    """Return the work of loading one key within so many seconds."""

    async def work() -> Mapping[K, V | None]:
        try:
            return {key: await _within(seconds, load(key))}
        except Exception as error:
            if is_absent(error):
                return {key: None}
            raise

    return work


def many(
    keys: tuple[K, ...], load: LoadMany[K, V], *, seconds: float
) -> Callable[[], Coroutine[Any, Any, Mapping[K, V | None]]]:
    """Return the work of loading several keys at once within so many seconds."""

    async def work() -> Mapping[K, V | None]:
        found = await _within(seconds, load(keys))
        return {key: found.get(key) for key in keys}

    return work


async def _within(seconds: float, load: Coroutine[Any, Any, T]) -> T:  # Any: the coroutine protocol's own
    """Await a load, but not for ever: a source that has gone silent must not hold those who read."""
    try:
        async with asyncio.timeout(seconds):
            return await load
    except TimeoutError as error:
        raise DependencyTimeout("the source of a cache", seconds) from error
