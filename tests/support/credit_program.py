"""A process that spends credits of keys as fast as it can: REDIS_URL MYSQL_URL COST WRITE_SECONDS KEY_ID...

Its writes to MySQL take WRITE_SECONDS longer than they would.

Writes one record when it is ready and waits for a line. Then one record per spend that was allowed, after it was
acknowledged: index of the key and time. Ends when every key is used up.
"""

from __future__ import annotations

import asyncio
import logging
import os
import struct
import sys
from datetime import timedelta

import structlog

from unkey_api.areas.keys.credits.limiter import CreditLimiter, open_credit_limiter
from unkey_api.areas.keys.credits.queries import SqlCreditBalances
from unkey_api.core.clock import SystemClock
from unkey_api.infra.mysql import MysqlSettings, WriteConn, log_orphan, open_database, parse_dsn
from unkey_api.infra.redis.client import RedisOptions, open_redis
from unkey_api.infra.redis.counters import RedisCredits

RECORD = struct.Struct("<Id")
"""Index of the key; seconds on the machine's monotonic clock."""
CALLERS_PER_KEY = 2


class Quiet:
    """A `CreditObserver` that nobody asks."""

    def credit_replayed(self, *, success: bool, seconds: float) -> None:
        """Forget it."""


class SlowBalances(SqlCreditBalances):
    """Balances in a MySQL that takes its time to write."""

    def __init__(self, primary: WriteConn, seconds: float) -> None:
        super().__init__(primary)
        self._seconds = seconds

    async def write_off(self, key_id: str, epoch: int, *, written: int, granted: int) -> bool:
        """Write late."""
        await asyncio.sleep(self._seconds)
        return await super().write_off(key_id, epoch, written=written, granted=granted)


async def spend_all(limiter: CreditLimiter, index: int, key_id: str, cost: int, answers_fd: int) -> None:
    """Spend until there is nothing left."""
    clock = SystemClock()
    while (await limiter.spend(key_id, cost)).allowed:
        os.write(answers_fd, RECORD.pack(index, clock.monotonic()))
        await asyncio.sleep(0)


async def main(urls: list[str], cost: int, write_seconds: float, keys: list[str], answers_fd: int) -> None:
    """Spend credits of all keys at the same time."""
    clock = SystemClock()
    async with (
        open_redis(RedisOptions(urls[0], command_timeout=timedelta(seconds=5))) as redis,
        open_database(MysqlSettings(primary=parse_dsn(urls[1])), clock=clock, on_orphan_error=log_orphan) as database,
        open_credit_limiter(
            RedisCredits(redis, SystemClock()),
            SlowBalances(database.primary, write_seconds),
            clock=clock,
            observer=Quiet(),
        ) as limiter,
        asyncio.TaskGroup() as tasks,
    ):
        os.write(answers_fd, RECORD.pack(0, clock.monotonic()))
        await asyncio.to_thread(sys.stdin.readline)
        for _ in range(CALLERS_PER_KEY):
            for index, key_id in enumerate(keys):
                tasks.create_task(spend_all(limiter, index, key_id, cost, answers_fd))


if __name__ == "__main__":
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # log lines must not get between the answers
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(main(sys.argv[1:3], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:], answers))
