"""A process that spends credits of keys as fast as it can: REDIS_URL MYSQL_URL COST KEY_ID...

Writes one record per spend that was allowed, after it was acknowledged: index of the key and time. Ends when every key
is used up.
"""

from __future__ import annotations

import asyncio
import logging
import os
import struct
import sys

import structlog

from unkey_api.core.clock import SystemClock
from unkey_api.infra.mysql import MysqlSettings, log_orphan, open_database, parse_dsn
from unkey_api.infra.redis.client import RedisOptions, open_redis
from unkey_api.infra.redis.counters import RedisCredits
from unkey_api.keys.credits.limiter import CreditLimiter, open_credit_limiter
from unkey_api.keys.credits.queries import SqlCreditBalances

RECORD = struct.Struct("<Id")
"""Index of the key; seconds on the machine's monotonic clock."""
CALLERS_PER_KEY = 2


class Quiet:
    """A `CreditObserver` that nobody asks."""

    def credit_replayed(self, *, success: bool, seconds: float) -> None:
        """Forget it."""


async def spend_all(limiter: CreditLimiter, index: int, key_id: str, cost: int, answers_fd: int) -> None:
    """Spend until there is nothing left."""
    clock = SystemClock()
    while (await limiter.spend(key_id, cost)).allowed:
        os.write(answers_fd, RECORD.pack(index, clock.monotonic()))
        await asyncio.sleep(0)


async def main(redis_url: str, mysql_url: str, cost: int, keys: list[str], answers_fd: int) -> None:
    """Spend credits of all keys at the same time."""
    clock = SystemClock()
    async with (
        open_redis(RedisOptions(redis_url, command_seconds=5.0)) as redis,
        open_database(MysqlSettings(primary=parse_dsn(mysql_url)), clock=clock, on_orphan_error=log_orphan) as database,
        open_credit_limiter(
            RedisCredits(redis),
            SqlCreditBalances(database.replica, database.primary),
            clock=clock,
            observer=Quiet(),
        ) as limiter,
        asyncio.TaskGroup() as tasks,
    ):
        for _ in range(CALLERS_PER_KEY):
            for index, key_id in enumerate(keys):
                tasks.create_task(spend_all(limiter, index, key_id, cost, answers_fd))


if __name__ == "__main__":
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # log lines must not get between the answers
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:], answers))
