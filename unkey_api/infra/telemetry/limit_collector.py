"""Metrics of limits, credits and key look-ups, read from the plain integers those parts count in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import Metric

from unkey_api.infra.telemetry.collectors import Family, FamilyCollector, counter, empty_family, gauge

WINDOWS = gauge("unkey_ratelimit_windows", "Windows held in memory when the janitor last looked.")
WINDOWS_CREATED = counter("unkey_ratelimit_windows_created_total", "Windows opened by traffic.")
COUNTERS_PUSHED_OUT = counter(
    "unkey_ratelimit_counters_pushed_out_total",
    "Counters in use that went because their workspace, or the process, was at its bound.",
)
WINDOWS_EVICTED = counter("unkey_ratelimit_windows_evicted_total", "Windows dropped by the janitor.")
CAS_EXHAUSTED = counter(
    "unkey_ratelimit_cas_exhausted_total",
    "Checks given up because counts kept changing; always 0, a check is one step here.",
)
DECISIONS = counter(
    "unkey_ratelimit_decisions_total", "Decisions, by who made them.", "workspace_id", "source", "outcome"
)
STRICT = counter(
    "unkey_ratelimit_strict_mode_activations_total",
    "Denials, after each of which allowances are confirmed with the shared store for one duration.",
    "workspace_id",
)
PUSHED = counter("unkey_ratelimit_global_push_total", "Rows shared with other regions.")
PUSH_ERRORS = counter("unkey_ratelimit_global_push_errors_total", "Rounds of sharing that failed.")
PULLED = counter("unkey_ratelimit_global_pull_rows_applied_total", "Rows of all regions merged.")
PULL_ERRORS = counter("unkey_ratelimit_global_pull_errors_total", "Rounds of merging that failed.")
TRIMMED = counter("unkey_ratelimit_global_rows_trimmed_total", "Rows of past windows taken out.")
IMPORTED = counter(
    "unkey_ratelimit_global_entries_created_total", "Windows that exist only because another region counted there."
)
PULLED_LAST = gauge("unkey_ratelimit_global_pull_rows_last_poll", "Rows merged in the latest round.")
CREDITS = counter("unkey_usagelimiter_decisions_total", "Credit decisions, by who made them.", "source", "outcome")
KEYS = counter("unkey_key_verifications_total", "Keys looked up, by kind and by status when loaded.", "type", "code")
KEY_ERRORS = counter(
    "unkey_key_verification_errors_total", "Keys that could not be looked up because the database failed.", "type"
)


class Reading(NamedTuple):
    """One series as it stands."""

    family: Family
    labels: tuple[str, ...]
    """In the order of the family's labels."""
    value: float


class LimitCollector(FamilyCollector):
    """Asks whoever it was told to watch for readings."""

    FAMILIES = (
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

    def __init__(self) -> None:
        self._sources: list[Callable[[], Iterable[Reading]]] = []

    def watch(self, read: Callable[[], Iterable[Reading]]) -> None:
        """Report these readings from now on. No two sources may give the same series."""
        self._sources.append(read)

    def collect(self) -> Iterator[Metric]:
        """Ask all sources."""
        metrics: Mapping[Family, Metric] = {each: empty_family(each) for each in self.FAMILIES}
        for read in self._sources:
            for family, labels, value in read():
                # Not `add_metric`: gauges and counters declare it differently.
                metrics[family].add_sample(family[0], dict(zip(family[2], labels, strict=True)), value)
        yield from metrics.values()
