"""Metrics of limits, credits and key look-ups, read from the plain integers those parts count in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.registry import Collector

from unkey_api.infra.telemetry.collectors import Family, empty_family

_LIMIT = "unkey_ratelimit_"

WINDOWS: Family = (f"{_LIMIT}windows", "gauge", (), "Windows held in memory when the janitor last looked.")
WINDOWS_CREATED: Family = (f"{_LIMIT}windows_created_total", "counter", (), "Windows opened by traffic.")
COUNTERS_PUSHED_OUT: Family = (
    f"{_LIMIT}counters_pushed_out_total",
    "counter",
    (),
    "Counters in use that went because their workspace, or the process, was at its bound.",
)
WINDOWS_EVICTED: Family = (f"{_LIMIT}windows_evicted_total", "counter", (), "Windows dropped by the janitor.")
CAS_EXHAUSTED: Family = (
    f"{_LIMIT}cas_exhausted_total",
    "counter",
    (),
    "Checks given up because counts kept changing; always 0, a check is one step here.",
)
DECISIONS: Family = (
    f"{_LIMIT}decisions_total",
    "counter",
    ("workspace_id", "source", "outcome"),
    "Decisions, by who made them.",
)
STRICT: Family = (
    f"{_LIMIT}strict_mode_activations_total",
    "counter",
    ("workspace_id",),
    "Denials, after each of which allowances are confirmed with the shared store for one duration.",
)
PUSHED: Family = (f"{_LIMIT}global_push_total", "counter", (), "Rows shared with other regions.")
PUSH_ERRORS: Family = (f"{_LIMIT}global_push_errors_total", "counter", (), "Rounds of sharing that failed.")
PULLED: Family = (f"{_LIMIT}global_pull_rows_applied_total", "counter", (), "Rows of all regions merged.")
PULL_ERRORS: Family = (f"{_LIMIT}global_pull_errors_total", "counter", (), "Rounds of merging that failed.")
TRIMMED: Family = (f"{_LIMIT}global_rows_trimmed_total", "counter", (), "Rows of past windows taken out.")
IMPORTED: Family = (
    f"{_LIMIT}global_entries_created_total",
    "counter",
    (),
    "Windows that exist only because another region counted there.",
)
PULLED_LAST: Family = (f"{_LIMIT}global_pull_rows_last_poll", "gauge", (), "Rows merged in the latest round.")
CREDITS: Family = (
    "unkey_usagelimiter_decisions_total",
    "counter",
    ("source", "outcome"),
    "Credit decisions, by who made them.",
)
KEYS: Family = (
    "unkey_key_verifications_total",
    "counter",
    ("type", "code"),
    "Keys looked up, by kind and by status when loaded.",
)
KEY_ERRORS: Family = (
    "unkey_key_verification_errors_total",
    "counter",
    ("type",),
    "Keys that could not be looked up because the database failed.",
)
FAMILIES: tuple[Family, ...] = (
    WINDOWS,
    WINDOWS_CREATED,
    WINDOWS_EVICTED,
    COUNTERS_PUSHED_OUT,
    CAS_EXHAUSTED,
    DECISIONS,
    STRICT,
    PUSHED,
    PUSH_ERRORS,
    PULLED,
    PULL_ERRORS,
    TRIMMED,
    IMPORTED,
    PULLED_LAST,
    CREDITS,
    KEYS,
    KEY_ERRORS,
)


class Reading(NamedTuple):
    """One series as it stands."""

    family: Family
    labels: tuple[str, ...]
    """In the order of the family's labels."""
    value: float


class LimitCollector(Collector):
    """Asks whoever it was told to watch for readings."""

    def __init__(self) -> None:
        self._sources: list[Callable[[], Iterable[Reading]]] = []

    def watch(self, read: Callable[[], Iterable[Reading]]) -> None:
        """Report these readings from now on. No two sources may give the same series."""
        self._sources.append(read)

    def families(self) -> tuple[Family, ...]:
        """Return what this collector reports."""
        return FAMILIES

    def describe(self) -> Iterable[Metric]:
        """Return the empty families, so that registering asks nobody."""
        return [empty_family(each) for each in FAMILIES]

    def collect(self) -> Iterator[Metric]:
        """Ask all sources."""
        metrics: Mapping[Family, Metric] = {each: empty_family(each) for each in FAMILIES}
        for read in self._sources:
            for family, labels, value in read():
                # Not `add_metric`: gauges and counters declare it differently.
                metrics[family].add_sample(family[0], dict(zip(family[2], labels, strict=True)), value)
        yield from metrics.values()
