"""One process: a limiter on the shared Redis that does what it is told over its standard input.

python -m benchmarks.ratelimit_accuracy.node REDIS_URL
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import structlog

from benchmarks.ratelimit_accuracy.protocol import ASK, COMMAND_BYTES, Command, pack_result
from unkey_api.areas.ratelimit.engine.counts import StoreOperation
from unkey_api.areas.ratelimit.engine.limiter import RateLimiter
from unkey_api.areas.ratelimit.engine.running import open_rate_limiter
from unkey_api.areas.ratelimit.engine.types import Check
from unkey_api.core.clock import SystemClock
from unkey_api.infra.redis.client import RedisOptions, open_redis
from unkey_api.infra.redis.counters import RedisCounters


class DrivenClock:
    """The time of the latest command; the machine's while there was none."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self.driven_ms = 0

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        return self.driven_ms or self._system.now_ms()

    def monotonic(self) -> float:
        """Return seconds."""
        return self.driven_ms / 1_000 if self.driven_ms else self._system.monotonic()


class Quiet:
    """A `LimiterObserver` that nobody asks."""

    def store_called(self, operation: StoreOperation, counters: int, seconds: float, failure: str | None) -> None:
        """Forget it."""


async def serve(url: str, answers_fd: int) -> None:
    """Obey until the input ends."""
    clock = DrivenClock()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with (
        open_redis(RedisOptions(url)) as client,
        open_rate_limiter(RedisCounters(client), clock=clock, observer=Quiet(), jitter=lambda: 0.0) as limiter,
    ):
        while True:
            try:
                command = Command.unpack(await reader.readexactly(COMMAND_BYTES))
            except asyncio.IncompleteReadError:
                return
            if command.kind == ASK:
                clock.driven_ms = command.time_ms
                result = pack_result(1, await _ask(limiter, command))
            else:
                clock.driven_ms = 0
                result = pack_result(*await _run(limiter, command, clock))
            os.write(answers_fd, result)


async def _ask(limiter: RateLimiter, command: Command, time_ms: int = 0) -> bool:
    check = Check("ws", "ns", f"u{command.identifier}", command.limit, command.duration_ms, 1, time_ms)
    decision = limiter.try_limit_now(check) or await limiter.limit(check)
    return decision.success


async def _run(limiter: RateLimiter, command: Command, clock: DrivenClock) -> tuple[int, int]:
    """Ask on schedule, without waiting for one answer before the next question, and not after the end."""
    tasks: list[asyncio.Task[bool]] = []
    for number in range(command.requests):
        due_ms = command.time_ms + number * command.span_ms / command.requests
        wait = due_ms - clock.now_ms()
        if wait > 0:
            await asyncio.sleep(wait / 1_000)
        now_ms = clock.now_ms()
        if now_ms >= command.time_ms + command.span_ms:
            break  # a machine that is too busy asks less; it must not ask in another window
        tasks.append(asyncio.create_task(_ask(limiter, command, now_ms)))
    return len(tasks), sum(await asyncio.gather(*tasks))


if __name__ == "__main__":
    answers_fd = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # log lines must not get between the answers
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(serve(sys.argv[1], answers_fd))
