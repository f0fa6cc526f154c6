"""The sums, without state and without I/O."""

from __future__ import annotations

import math
from typing import NamedTuple

PUSH_SHARE = 0.2  # a counter is worth telling other regions about once a fifth of its limit is used


class Outcome(NamedTuple):
    """What the counts say about one check."""

    allowed: bool
    effective: int
    """Everything that counts, the cost included."""
    remaining: int


def window_of(now_ms: int, duration_ms: int) -> int:
    """Return the number of the window that holds `now_ms`, counted from the Unix epoch."""
    return now_ms // duration_ms


def window_end(sequence: int, duration_ms: int) -> int:
    """Return the first millisecond after the window."""
    return (sequence + 1) * duration_ms


def used(current: int, previous: int, *, into_ms: int, duration_ms: int) -> int:
    """Return what counts `into_ms` after the start of the running window.

    The previous window's share is a product of doubles cut towards zero, so that every node, whatever it is written in,
    comes to the same number. Whole numbers do not overflow here.
    """
    return current + int(previous * (1.0 - into_ms / duration_ms))


def judge(effective: int, limit: int) -> Outcome:
    """Compare with the limit. Exactly the limit is allowed; a limit of 0 denies, also a cost of 0."""
    if effective > limit or limit == 0:
        return Outcome(allowed=False, effective=effective, remaining=0)
    return Outcome(allowed=True, effective=effective, remaining=limit - effective)


def push_threshold(lowest_limit: int) -> int:
    """Return the count from which a counter with this limit is shared between regions, at least 1."""
    return max(1, math.ceil(PUSH_SHARE * float(lowest_limit)))
