"""What limiters, credits and look-ups count reaches the metrics page, number by number."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

from unkey_api.areas.keys.credits.limiter import CreditCounts
from unkey_api.areas.keys.verification.directory import LoadCounts
from unkey_api.areas.keys.verification.types import Status
from unkey_api.areas.ratelimit.engine.counts import LimiterCounts, WorkspaceCounts
from unkey_api.container.limit_reports import credit_readings, limiter_readings, load_readings
from unkey_api.infra.telemetry.limit_collector import LimitCollector

BUFFER = {"replays_buffered", "replays_dropped", "replays_closed"}
"""Shown by the metrics of buffers."""


def test_every_count_of_the_limiter_has_a_series_of_its_own() -> None:
    plain = [each.name for each in fields(LimiterCounts) if each.name != "workspaces" and each.name not in BUFFER]
    counts = LimiterCounts()
    for number, name in enumerate(plain):
        setattr(counts, name, 100 + number)
    per_workspace = [each.name for each in fields(WorkspaceCounts)]
    counts.workspaces["ws"] = WorkspaceCounts(*range(200, 200 + len(per_workspace)))
    values = [reading.value for reading in limiter_readings(counts) if reading.value]
    assert sorted(values) == [*range(100, 100 + len(plain)), *range(200, 200 + len(per_workspace))]


def test_labels_say_who_decided_and_how() -> None:
    counts = LimiterCounts(workspaces={"ws": WorkspaceCounts(local_passed=1, origin_denied=2)})
    assert [(labels, value) for _, labels, value in limiter_readings(counts) if labels] == [
        (("ws", "local", "passed"), 1),
        (("ws", "origin", "denied"), 2),
    ]
    assert [(labels, value) for _, labels, value in credit_readings(CreditCounts(1, 2, 3, 4))] == [
        (("redis", "allowed"), 1),
        (("redis", "denied"), 2),
        (("db", "allowed"), 3),
        (("db", "denied"), 4),
    ]


def test_look_ups_are_told_apart_by_kind() -> None:
    counts = LoadCounts(key=Counter({Status.VALID: 3}), root_key=Counter({Status.DISABLED: 1}))
    assert [(labels, value) for _, labels, value in load_readings(counts)] == [
        (("key", "VALID"), 3),
        (("root_key", "DISABLED"), 1),
    ]


def test_every_family_is_read_from_somewhere() -> None:
    counts = LimiterCounts(workspaces={"ws": WorkspaceCounts(1, 1, 1, 1, 1)})
    loads = LoadCounts(key=Counter({Status.VALID: 1}), failed=Counter({"key": 1}))
    readings = [*limiter_readings(counts), *credit_readings(CreditCounts(1, 1, 1, 1)), *load_readings(loads)]
    assert {reading.family for reading in readings} == set(LimitCollector.FAMILIES)
    assert all(len(reading.labels) == len(reading.family[2]) for reading in readings)
