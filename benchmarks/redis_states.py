"""What a warm request costs with Redis healthy, slow and down. Ends with 1 when the p99 of a limit grows too much.

python -m benchmarks.redis_states

Three services run on one core, one per state of Redis, everything else on the other, and all three are asked over the
same time, in turn: what neighbours on the machine do hits all of them alike, so that the difference is that of Redis.
Requests come at a fixed rate over a few connections, so that what is measured is an answer and not a queue.

Warm means that the counter is asked about all the time. Windows of an hour do not end during a run; in those of five
seconds, one request in fifty is the first one of its counter in a window.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.machine import choose_cores
from benchmarks.seeding import PLENTY, Seeded, seed
from benchmarks.servers import service, stores
from tests.support.proxy import Proxy, proxy_to
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.dev.ports import LOOPBACK

PER_SECOND = 100  # of each service
SECONDS = 30
WARM_SECONDS = 3
CONNECTIONS = 4
IDENTIFIERS = 10
LONG_WINDOW_MS = 3_600_000
SHORT_WINDOW_MS = 5_000
SLOW_SECONDS = 0.05  # a round trip
MAY_GROW_MS = 2.0


class State(StrEnum):
    """How Redis is doing."""

    HEALTHY = "healthy"
    SLOW = "slow (50 ms)"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked, in turn."""

    name: str
    path: str
    bodies: Sequence[bytes]
    accepts: bytes
    bounded: bool
    """Whether its p99 may grow by `MAY_GROW_MS` at most."""


class Times(NamedTuple):
    """Of one operation in one state, in milliseconds."""

    p50: float
    p99: float
    worst: float


def operations(seeded: Seeded) -> list[Operation]:
    """Return the rows of the table."""

    def body(**fields: object) -> bytes:
        return json.dumps(fields).encode()

    def limits(duration_ms: int) -> list[bytes]:
        names = [f"u{number}" for number in range(IDENTIFIERS)]
        return [body(namespace="states", identifier=name, limit=PLENTY, duration=duration_ms) for name in names]

    limit, verify = "/v2/ratelimit.limit", "/v2/keys.verifyKey"
    long, short = limits(LONG_WINDOW_MS), limits(SHORT_WINDOW_MS)
    return [
        Operation("limit, windows of 1 h", limit, long, b'"success":true', bounded=True),
        Operation("limit, windows of 5 s", limit, short, b'"success":true', bounded=True),
        Operation("verifyKey, a limit", verify, [body(key=seeded.limited)], b'"valid":true', bounded=True),
        Operation("verifyKey, credits", verify, [body(key=seeded.counted)], b'"valid":true', bounded=False),
    ]


class Client:
    """Keeps a few connections busy at a fixed rate."""

    def __init__(self, port: int, root_key: str, *, after: float) -> None:
        """Ask the service at `port`; `after` shifts all requests by a share of the time between two of them."""
        self._port = port
        self._after = after
        self._root_key = root_key

    async def ask(self, operation: Operation, seconds: float) -> Times:
        """Ask that long; raises `RuntimeError` for an answer that is no success."""
        lists = await asyncio.gather(*(self._connection(operation, number, seconds) for number in range(CONNECTIONS)))
        times = sorted(1_000 * each for one in lists for each in one)
        return Times(times[len(times) // 2], times[len(times) * 99 // 100], times[-1])

    async def _connection(self, operation: Operation, number: int, seconds: float) -> list[float]:
        reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
        gap = CONNECTIONS / PER_SECOND
        began = time.monotonic() + (number + self._after) / PER_SECOND
        times: list[float] = []
        for turn in range(int(seconds / gap)):
            await asyncio.sleep(max(0.0, began + turn * gap - time.monotonic()))
            body = operation.bodies[(turn * CONNECTIONS + number) % len(operation.bodies)]
            sent = time.monotonic()
            writer.write(self._head(operation.path, len(body)) + body)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            answer = await reader.readexactly(int(length[1])) if length else b""
            times.append(time.monotonic() - sent)
            if operation.accepts not in answer:
                raise RuntimeError(f"{operation.name}: {head!r} {answer!r}")
        writer.close()
        return times

    def _head(self, path: str, length: int) -> bytes:
        return (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._root_key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ).encode()


async def become(proxy: Proxy, state: State) -> None:
    """Put the way to Redis into this state."""
    proxy.delay_seconds = SLOW_SECONDS / 2 if state is State.SLOW else 0.0
    if state is State.DOWN:
        await proxy.refuse()
        proxy.cut()
    else:
        await proxy.listen()


Results = dict[tuple[str, State], Times]


async def measure(folder: Path) -> tuple[list[Operation], Results]:
    """Run everything and return the times of each operation in each state."""
    cores = choose_cores()
    results: Results = {}
    async with stores(folder, core=cores.load) as stack, AsyncExitStack() as running:
        seeded = await seed(stack, unseen=0, clock=SystemClock(), ids=RandomIds())
        rows = operations(seeded)
        clients: dict[State, Client] = {}
        for state in State:
            proxy, config = await running.enter_async_context(behind_proxy(stack.config, folder, state.name))
            log = folder / f"service-{state.name}.log"
            server = await running.enter_async_context(service(config, cores=(cores.service,), workers=1, log=log))
            await become(proxy, state)
            clients[state] = Client(server.port, seeded.root_key, after=len(clients) / len(State))
        for row in rows:
            for seconds in (WARM_SECONDS, SECONDS):
                times = await asyncio.gather(*(client.ask(row, seconds) for client in clients.values()))
                results.update({(row.name, state): each for state, each in zip(clients, times, strict=True)})
    return rows, results


@asynccontextmanager
async def behind_proxy(config: Path, folder: Path, name: str) -> AsyncIterator[tuple[Proxy, Path]]:
    """Put a proxy in front of Redis; yields it and a configuration that goes through it."""
    text = config.read_text()
    found = re.search(r'redis_url = "redis://([^:"/]+):(\d+)', text)
    if found is None:
        raise RuntimeError("the configuration names no Redis")
    async with proxy_to(found[1], int(found[2])) as proxy:
        changed = folder / f"{name}.toml"
        changed.touch(mode=0o600)
        changed.write_text(text.replace(f"{found[1]}:{found[2]}", f"127.0.0.1:{proxy.port}"))
        yield proxy, changed


def show(rows: Sequence[Operation], results: Results) -> bool:
    """Print the table; return whether every bounded row is within its bound."""
    table = Table(title=f"Warm requests at {PER_SECOND} per second and service, ms", title_justify="left")
    for name in ("operation", "Redis", "p50", "p99", "worst", "p99 grows by", "may grow by"):
        table.add_column(name, justify="left" if name in {"operation", "Redis"} else "right")
    within = True
    for row in rows:
        calm = results[row.name, State.HEALTHY].p99
        for state in State:
            p50, p99, worst = results[row.name, state]
            if row.bounded:
                within = within and p99 - calm <= MAY_GROW_MS
            bound = f"{MAY_GROW_MS:.1f}" if row.bounded else "a round trip"
            table.add_row(row.name, state, f"{p50:.2f}", f"{p99:.2f}", f"{worst:.2f}", f"{p99 - calm:+.2f}", bound)
    Console(width=120).print(table)
    return within


def main() -> int:
    """Run and return the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="unkey-states-"))
    try:
        within = show(*asyncio.run(measure(folder)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
