"""`python -m benchmarks.scale [KEYS] [SECONDS_MAX]`. Starts everything itself and removes it at the end.

Ends with 1 when keys were lost or are there twice, and when an operation costs too much more among many keys.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.machine import choose_cores
from benchmarks.scale.filling import Filled, FillFailed, fill
from benchmarks.scale.operations import RATIO_MAX, AnswerFailed, compare, side, table
from benchmarks.scale.pages import rows_read
from benchmarks.scale.places import Place, place
from benchmarks.servers import service
from unkey_api.core.clock import Clock, SystemClock
from unkey_api.dev.ports import free_ports
from unkey_api.dev.servers import valkey

FEW = 1_000
KEYS = 1_000_000
SECONDS_MAX = 900
GOAL = 5_000


async def run(keys: int, seconds_max: float, clock: Clock) -> bool:
    """Measure and print; return whether every ratio is good."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unkey-scale-")))
        [port] = free_ports(1)
        counters = await stack.enter_async_context(valkey(folder / "valkey", port))
        few = await stack.enter_async_context(place(folder / "few", counters.url, clock))
        many = await stack.enter_async_context(place(folder / "many", counters.url, clock))
        await fill(few, FEW, kill=False, seconds_max=seconds_max, clock=clock)
        _tell(keys, await fill(many, keys, kill=True, seconds_max=seconds_max, clock=clock))
        return await _compare(few, many, keys)


async def _compare(few: Place, many: Place, keys: int) -> bool:
    async with AsyncExitStack() as stack:
        sides = []
        for each, size in ((few, FEW), (many, keys)):
            cores = choose_cores().both
            server = await stack.enter_async_context(
                service(each.config, cores=cores, workers=1, log=each.folder / "serve.log")
            )
            sides.append(await side(each, server.port, size))
        medians = await asyncio.to_thread(compare, *sides)
        pages = [await rows_read(each, served) for each, served in zip((few, many), sides, strict=True)]
    print("\n".join(table(medians, (FEW, keys))))
    print(f"index entries read for a deep page of listKeys: {pages[0]:,} and {pages[1]:,}")
    worst = max(among_many / among_few for among_few, among_many in medians.values())
    if worst > RATIO_MAX:
        print(f"too much: at most {RATIO_MAX} times as long is allowed")
    return worst <= RATIO_MAX


def _tell(keys: int, filled: Filled) -> None:
    rate = keys / sum(filled.seconds)
    runs = " + ".join(f"{seconds:.1f}" for seconds in filled.seconds)
    print(f"{keys:,} keys ({filled.file_bytes / 1e6:.0f} MB) in {runs} s: {rate:,.0f} keys/s (goal {GOAL:,})")
    print(f"killed with {filled.killed_at:,} keys in the database and run again")
    print(
        f"counted {filled.counts.keys:,} keys with {filled.counts.hashes:,} hashes: none lost, none twice", flush=True
    )


def main() -> int:
    """Run. Returns the exit status."""
    numbers = [int(argument) for argument in sys.argv[1:]]
    keys, seconds_max = (*numbers, *(KEYS, SECONDS_MAX)[len(numbers) :])
    try:
        return 0 if asyncio.run(run(keys, seconds_max, SystemClock())) else 1
    except (FillFailed, AnswerFailed) as err:
        print(err)
        return 1


if __name__ == "__main__":
    sys.exit(main())
