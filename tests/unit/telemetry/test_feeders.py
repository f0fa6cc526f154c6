"""No metric is only documented: each has something that feeds it, and that something is called by the service."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import ClassVar

import pytest
from prometheus_client import CollectorRegistry

import unkey_api
from unkey_api.core.changes import LoggedChange, workspace_changed
from unkey_api.infra.batching.batcher import FlushReason
from unkey_api.infra.caching.swr import CacheCounts
from unkey_api.infra.clickhouse.writer import FlushOutcome, FlushReport
from unkey_api.infra.resilience.breaker import BreakerState
from unkey_api.infra.telemetry import limit_collector
from unkey_api.infra.telemetry.collectors import CacheRoom
from unkey_api.infra.telemetry.limit_collector import LimitCollector, Reading
from unkey_api.infra.telemetry.metrics import Metrics

ROOT = Path(unkey_api.__file__).parent
FEEDERS = ("on_", "set_", "watch")


class Nothing:
    """Stands for a buffer, a pool and a listener."""

    dropped = refused = lent = idle = waiting = open_connections = 0
    limit = 1
    ended: ClassVar = {"idle": 1}

    def __len__(self) -> int:
        return 0


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted(ROOT.rglob("*.py")):
        if file.parent.name != "telemetry" or file.parent.parent.name == "container":
            yield file, ast.parse(file.read_text(encoding="utf-8"))


def parts(metrics: Metrics) -> Iterator[tuple[str, object]]:
    yield "metrics", metrics
    for name, part in vars(metrics).items():
        if not name.startswith("_") and not isinstance(part, CollectorRegistry | tuple):
            yield name, part


def feeders() -> list[tuple[str, str]]:
    """Return every method that feeds a metric, as name of the group and name of the method."""
    return [
        (group, name)
        for group, part in parts(Metrics(version=""))
        for name, _ in inspect.getmembers(part, inspect.ismethod)
        if name.startswith(FEEDERS)
    ]


@cache
def mentioned() -> set[tuple[str, str]]:
    """Return pairs of an attribute and the one it is taken from, `metrics.spans.on_batch` gives `spans`, `on_batch`."""
    found = set()
    for _, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                owner = node.value
                found.add((owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", ""), node.attr))
    return found


def feed(metrics: Metrics) -> None:
    """Call every feeder once."""
    report = FlushReport(table="t", rows=1, reason=FlushReason.CLOSE, outcome=FlushOutcome.WRITTEN, attempts=1)
    lost = FlushReport(table="t", rows=1, reason=FlushReason.CLOSE, outcome=FlushOutcome.LOST, attempts=5)
    metrics.http.on_answer("POST", "/v2/x", 200, seconds=0.1, body_bytes=1)
    metrics.database.on_statement("s", "rw", "exec", 0.1, ValueError("x"))
    metrics.database.on_orphan_error()
    metrics.batches.on_flush(report)
    metrics.batches.on_flush(lost)
    metrics.breakers.on_call("s", BreakerState.OPEN)
    metrics.spans.on_batch("refused", 1)
    metrics.usage.on_replay("success", 0.1)
    metrics.ratelimit.on_origin_call("get", 1, 0.1, failed_for="timeout")
    metrics.invalidation.on_sent("c", "remove")
    metrics.invalidation.on_received("c", "remove", "handled")
    metrics.invalidation.on_delivery("redis", 0.1)
    metrics.invalidation.on_broadcast_error("redis")
    metrics.invalidation.set_up("redis", up=True)
    metrics.changes.watch(age=lambda: 0, marked=lambda: 0, rereads=lambda: 0)
    metrics.changes.on_looked(0)
    metrics.changes.on_applied([LoggedChange(1, workspace_changed("ws"))])
    metrics.changes.on_reset("gap")
    metrics.changes.on_failure()
    metrics.logs.watch(dropped=lambda: 0, skipped={("repeated", "x"): 1})
    metrics.on_panic("", "/")
    metrics.guesses.on_refused()
    room = CacheRoom(lambda: 0, 1)
    metrics.caches.watch("c", CacheCounts(), size=lambda: 0, capacity=1, absent=room, memory=room)
    metrics.buffers.watch("b", Nothing(), capacity=1, accepted=lambda: 0)
    metrics.limits.watch(lambda: [Reading(family, ("x",) * len(family[2]), 0) for family in LimitCollector.FAMILIES])
    metrics.stores.watch_pool("primary", Nothing())
    metrics.connections.watch("l", Nothing())
    metrics.stores.watch_redis(connected=lambda: True, in_flight=lambda: 0)


@pytest.mark.parametrize(("group", "feeder"), feeders(), ids=str)
def test_every_feeder_is_called_by_the_service(group: str, feeder: str) -> None:
    # The reports of parts know their group under a name of their own, `self._metrics`.
    owners = {owner for owner, name in mentioned() if name == feeder}
    assert owners & {group, "_metrics", "metrics", "observer"}, f"nothing calls {group}.{feeder}"


def test_every_documented_metric_gets_a_value_from_its_feeders() -> None:
    metrics = Metrics(version="")
    feed(metrics)
    present = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    silent = [
        each.name
        for each in metrics.described
        if not present & {each.name, f"{each.name}_count", each.name.removesuffix("_total")}
    ]
    assert silent == []


def test_every_series_of_limits_keys_and_credits_has_a_reading() -> None:
    named = {
        name for name, value in vars(limit_collector).items() if value in LimitCollector.FAMILIES and name.isupper()
    }
    read = {name for owner, name in mentioned() if owner == "series"}
    assert named - read == set()
