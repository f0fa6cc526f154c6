"""What the outside world is, as far as it can be swapped in a test: time, chance and where reports go."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from unkey_api.core.clock import Clock, SystemClock
from unkey_api.core.ids import IdSource, RandomIds
from unkey_api.core.keymaterial import RandomBytes
from unkey_api.infra.mysql import StatementObserver
from unkey_api.infra.redis.client import CommandObserver


def _jitter() -> float:
    return random.uniform(-1, 1)  # noqa: S311 - spreads load, keeps no secret


class Observing(StrEnum):
    """What is told about requests."""

    EVERYTHING = "everything"
    EVENTS = "events"
    """Rows for ClickHouse only."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Sources of everything that differs from run to run."""

    clock: Clock = field(default_factory=SystemClock)
    ids: IdSource = field(default_factory=RandomIds)
    random_bytes: RandomBytes = secrets.token_bytes
    jitter: Callable[[], float] = _jitter
    """Draws a number between -1 and 1."""
    worker: int = 0
    """Which worker of its host this process is; the first looks after what a host has only one of."""
    chance: Callable[[], float] = random.random
    """Draws a number from 0 to 1, for samples."""
    bits: Callable[[int], int] = random.getrandbits
    """Draws a number of so many bits, for the ids of traces, which need not be secret."""
    statements: StatementObserver | None = None
    """Told about every SQL statement, besides metrics and traces."""
    commands: CommandObserver | None = None
    """Told about every Redis command, besides traces."""
    observing: Observing = Observing.EVERYTHING
    """Less than everything is for measuring what the rest costs."""
