"""Trying again with a fresh id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from unkey_api.infra.mysql import DuplicateKey

T = TypeVar("T")

ATTEMPTS = 5
PAUSE_SECONDS = 0.1  # times the number of the attempt


async def with_fresh_ids(attempt: Callable[[], Awaitable[T]], sleep: Callable[[float], Awaitable[None]]) -> T:
    """Run `attempt`, which draws its own ids, until no unique index refuses it.

    Raises:
        DuplicateKey: Five attempts were refused.
    """
    for number in range(1, ATTEMPTS):
        try:
            return await attempt()
        except DuplicateKey:
            await sleep(PAUSE_SECONDS * number)
    return await attempt()
