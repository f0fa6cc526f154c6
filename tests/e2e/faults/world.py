"""A served process on dependencies that can be taken away, and those who call it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol  # answers are JSON of any shape

from tests.e2e.faults.figures import Figures
from tests.e2e.faults.making import authorized, limit, make_keys, post, verify
from tests.support.harness import Caller
from tests.support.load import Load, Target
from tests.support.mysql import run_sql, settings_for
from tests.support.outages import Dependencies, Dependency, caught_up
from tests.support.served import Served, ServeOptions, served_by, serving
from tests.support.waiting import eventually
from unkey_api.core.clock import SystemClock
from unkey_api.infra.mysql import log_orphan, open_database

ROOM = 2.5
"""Seconds that a busy machine may add to any bound; less than the three that a wrong way would wait for MySQL."""
CREDITS = 1_000_000
"""What the key with credits begins with."""


class Outage(Protocol):
    """`killed` or `paused`."""

    __name__: str

    def __call__(self, dependency: Dependency, /) -> AbstractAsyncContextManager[None]: ...


@dataclass(frozen=True, slots=True)
class World:
    served: Served
    stores: Dependencies
    caller: Caller
    keys: list[dict[str, str]]
    counted: dict[str, str]
    """A key with credits."""
    figures: Figures

    @property
    def base(self) -> str:
        return self.served.base

    def load(self) -> Load:
        calls = [*map(verify, [*self.keys, self.counted]), *limit("faults", ["a", "b"])]
        return Load(calls, authorized(self.caller))

    @property
    def target(self) -> Target:
        options = self.served.service.options
        return Target(
            http1_port=options.http_port, http2_port=options.http2_port, http1_connections=8, pace_seconds=0.02
        )

    async def post(self, path: str, body: object) -> tuple[int, Any, float]:
        """Call an operation; return status, body and how long it took."""
        began = time.monotonic()
        status, answer = await post(self.base, path, body, self.caller)
        return status, answer, time.monotonic() - began

    async def caught_up(self) -> bool:
        """Say whether reads see everything that was written, where there is a replica."""
        return not self.served.service.options.replica or await caught_up(self.stores)

    async def make_keys(self, count: int, **fields: object) -> list[dict[str, str]]:
        """Create keys in an API of their own and wait until they can be read."""
        return await make_keys(self.base, self.caller, count, settled=self.caught_up, **fields)

    async def replica_believed(self) -> bool:
        """Say whether everything is read from the replica: nothing changed lately that it might lack."""
        metrics = await asyncio.to_thread(self.served.service.metrics)
        return "unkey_replica_marked_workspaces 0.0" in metrics.splitlines()

    async def sql(self, statement: str) -> list[tuple[object, ...]]:
        return await run_sql(self.stores.database, statement)

    async def metric(self, name: str, /, **labels: str) -> float:
        """Return the sum of the series of a metric that have these labels, without holding up the load."""
        return counter(await asyncio.to_thread(self.served.service.metrics), name, **labels)


@asynccontextmanager
async def open_world(
    options: ServeOptions, stores: Dependencies, figures: Figures, folder: Path
) -> AsyncIterator[World]:
    """Serve, and make what is asked for under load."""
    async with open_database(
        settings_for(stores.database), clock=SystemClock(), on_orphan_error=log_orphan
    ) as database:
        with serving(options, folder) as service:
            served = served_by(service, database)
            world = World(served, stores, await served.admin(), [], {}, figures)
            await eventually(world.caught_up, within_seconds=30)
            limited = {"name": "each", "limit": 1_000_000, "duration": 60_000, "autoApply": True}
            world.keys.extend(await world.make_keys(4))
            world.keys.extend(await world.make_keys(1, ratelimits=[limited]))
            [counted] = await world.make_keys(1, credits={"remaining": CREDITS})
            world.counted.update(counted)
            yield world


async def pause_for(seconds: float) -> None:
    """Let an outage last; its length is what is measured, so there is no condition to wait for."""
    await asyncio.sleep(seconds)


def counter(metrics: str, name: str, /, **labels: str) -> float:
    """Return the sum of the series of a metric that have these labels."""
    lines = [line for line in metrics.splitlines() if line.startswith(name + "{")]
    chosen = [line for line in lines if all(f'{key}="{value}"' in line for key, value in labels.items())]
    return sum(float(line.rpartition(" ")[2]) for line in chosen)
