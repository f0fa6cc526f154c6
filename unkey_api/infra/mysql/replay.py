"""Trying again after a transient failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from unkey_api.core.errors import AppError
from unkey_api.infra.mysql.errors import StoreUnavailable

T = TypeVar("T")

WAITS_SECONDS = (0.05, 0.1)
"""Before the second and the third attempt; there is no fourth."""

MayReplay = Callable[[StoreUnavailable], bool]


def is_transient(fault: StoreUnavailable) -> bool:
    """For work without effects, or whose effects are rolled back: whether trying again may help."""
    return fault.transient


def is_undone(fault: StoreUnavailable) -> bool:
    """For a write that commits by itself: whether trying again may help and cannot do it twice."""
    return fault.transient and not fault.outcome_unknown


async def replaying(attempt: Callable[[], Awaitable[T]], may_replay: MayReplay) -> T:
    """Return the result of the first attempt that succeeds, at most three; a cancel ends it at once.

    A failure counts as transient also when a `StoreUnavailable` is only its cause.

    Raises:
        AppError: The last attempt's failure, or the first one that must not be tried again.
    """
    for wait in WAITS_SECONDS:
        try:
            return await attempt()
        except AppError as err:
            fault = _root(err)
            if fault is None or not may_replay(fault):
                raise
        await asyncio.sleep(wait)
    return await attempt()


def _root(err: BaseException) -> StoreUnavailable | None:
    """Return the store's failure behind an error, or None."""
    cause: BaseException | None = err
    while cause is not None and not isinstance(cause, StoreUnavailable):
        cause = cause.__cause__
    return cause
