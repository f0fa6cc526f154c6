"""Work out what a load needs: workers, connections, and what reaches each store.

    python -m tools.capacity --verifications 5000 --per-worker 1000 --active-keys 100000 --regions 2
    python -m tools.capacity --write     # the examples of docs/scaling.md

`--per-worker` is what one worker of yours serves; measure it. Everything else comes from the constants of the code.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

from unkey_api.areas.keys.credits.limiter import COPY_TTL_MS
from unkey_api.areas.keys.verification.directory import WINDOWS as KEY_WINDOWS
from unkey_api.areas.ratelimit.engine.loading import FRESH_MS
from unkey_api.areas.ratelimit.engine.running import REGION_JITTER, REGION_SECONDS
from unkey_api.auth.workspaces import LIMITS_WINDOWS as WORKSPACE_WINDOWS
from unkey_api.infra.batching.batcher import BatchPolicy
from unkey_api.infra.mysql import Dsn, MysqlSettings

__all__ = ["PAGE", "Load", "needs", "rendered"]

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scaling.md"
BEGIN = "<!-- Written by `python -m tools.capacity --write`. Do not edit by hand. -->\n"
END = "<!-- End of what the tool writes. -->\n"
HEADROOM = 0.5  # plan for half of what a worker can do: the other half is for peaks and for the region that fails
EVENT_TABLES = 2  # a verification leaves a row of its own and one of its request


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked of the service, in all regions together."""

    verifications: int
    """Per second."""
    per_worker: int
    """What one worker can do at most, per second."""
    active_keys: int
    """Different keys in use."""
    regions: int = 1
    replica: bool = True


EXAMPLES = {
    "One host": Load(verifications=1_000, per_worker=1_000, active_keys=1_000, replica=False),
    "One region": Load(verifications=10_000, per_worker=1_000, active_keys=10_000),
    "Three regions": Load(verifications=60_000, per_worker=1_000, active_keys=50_000, regions=3),
}


def needs(load: Load) -> list[tuple[str, str]]:
    """Return what the load needs, line by line, each region by itself."""
    share = load.verifications / load.regions
    workers = max(1, math.ceil(share / (load.per_worker * HEADROOM)))
    fresh_seconds = KEY_WINDOWS.fresh.total_seconds()
    keys = load.active_keys / load.regions
    # A worker reads a key again with the first call after it went stale. Used evenly, which is the worst case, a key is
    # called every keys / rate seconds.
    rate = share / workers
    reads = workers * keys / (fresh_seconds + keys / rate)
    mysql = MysqlSettings(primary=Dsn(user="", password="", host="", port=0, database=""))
    pools = 2 if load.replica else 1
    batch = BatchPolicy()
    rows = share * EVENT_TABLES
    slowest = REGION_SECONDS * (1 + REGION_JITTER)
    lines = [
        ("workers", f"{workers:,}"),
        ("verifications per worker and second", f"{rate:,.0f}"),
        ("MySQL connections, at most", f"{workers * mysql.max_open * pools:,}"),
        ("MySQL reads per second to keep keys fresh, if used evenly", f"{reads:,.0f}"),
        ("verifications that find their key fresh, if used evenly", f"{1 - reads / share:.0%}"),
        ("Redis connections", f"{workers:,}"),
        ("Redis increments per second with one limit per key, at most", f"{share:,.0f}"),
        ("ClickHouse rows per second", f"{rows:,.0f}"),
        ("ClickHouse inserts per second, about", f"{_inserts(rows, workers, batch):,.1f}"),
        ("seconds of rows that wait while ClickHouse is away", f"{batch.capacity / rate:,.0f}"),
    ]
    if load.regions > 1:
        lines.append(("seconds until a region hears of another one's counts, at most", f"{2 * slowest:.0f}"))
    return lines


def _inserts(rows: float, workers: int, batch: BatchPolicy) -> float:
    by_time = workers * EVENT_TABLES * batch.consumers / batch.flush_every.total_seconds()
    return max(min(by_time, rows), rows / batch.batch_size)


def rendered(page: str) -> str:
    """Return `page` with its examples brought up to date."""
    head, _, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE.name} has lost its markers")
    return head + BEGIN + _examples() + END + tail


def _examples() -> str:
    titles = list(EXAMPLES)
    loads = list(EXAMPLES.values())
    lines = [dict(needs(load)) for load in loads]
    asked = [
        ("verifications per second, in all", [f"{load.verifications:,}" for load in loads]),
        ("keys in use", [f"{load.active_keys:,}" for load in loads]),
        ("one worker serves (assumed)", [f"{load.per_worker:,}" for load in loads]),
        ("regions", [str(load.regions) for load in loads]),
    ]
    names = list(dict.fromkeys(name for each in lines for name in each))
    rows = [f"| {name} | {' | '.join(values)} |" for name, values in asked]
    rows += [f"| {name} | {' | '.join(each.get(name, '') for each in lines)} |" for name in names]
    constants = (
        f"Constants behind it: keys stay fresh for {KEY_WINDOWS.fresh.total_seconds():.0f} s, workspace limits for "
        f"{WORKSPACE_WINDOWS.fresh.total_seconds():.0f} s,\ncounts of a window for {FRESH_MS / 1000:.0f} s, "
        f"copies of balances for {COPY_TTL_MS / 1000:.0f} s; half of a worker is kept in reserve.\n"
    )
    head = f"| each region | {' | '.join(titles)} |\n| --- |{' ---: |' * len(titles)}\n"
    return "\n" + head + "\n".join(rows) + "\n\n" + constants + "\n"


def main() -> None:
    """Print what the load of the command line needs, or write the examples."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the examples into docs/scaling.md")
    parser.add_argument("--verifications", type=int, default=1_000, help="per second, in all regions")
    parser.add_argument("--per-worker", type=int, default=1_000, help="what one worker can serve per second")
    parser.add_argument("--active-keys", type=int, default=10_000, help="different keys in use")
    parser.add_argument("--regions", type=int, default=1)
    parser.add_argument("--without-replica", action="store_true", help="read from the primary")
    given = parser.parse_args()
    if given.write:
        PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return
    load = Load(
        verifications=given.verifications,
        per_worker=given.per_worker,
        active_keys=given.active_keys,
        regions=given.regions,
        replica=not given.without_replica,
    )
    for name, value in needs(load):
        print(f"{name:62} {value:>12}")


if __name__ == "__main__":
    main()
