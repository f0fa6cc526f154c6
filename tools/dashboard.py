"""Write deploy/grafana/unkey-api.json: a dashboard of the metrics in docs/metrics.md.

    python -m tools.dashboard

A test fails when the file is not what this prints.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PAGE", "ROWS", "Panel", "render"]

PAGE = Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "unkey-api.json"
WIDTH, HEIGHT, ACROSS = 8, 8, 3
RATE = "[$__rate_interval]"
HERE = 'instance=~"$instance"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One time series."""

    title: str
    queries: tuple[tuple[str, str], ...]
    """PromQL and legend of each line."""
    unit: str = "short"
    meaning: str = ""


def _quantiles(metric: str, labels: str = HERE) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket{{{labels}}}{RATE})))", f"{q * 100:g} %")
        for q in (0.5, 0.95, 0.99)
    )


def _rate(metric: str, *by: str, labels: str = HERE) -> tuple[tuple[str, str], ...]:
    legend = " ".join(f"{{{{{label}}}}}" for label in by) or "all"
    return ((f"sum by ({', '.join(by)}) (rate({metric}{{{labels}}}{RATE}))", legend),)


ROWS: dict[str, tuple[Panel, ...]] = {
    "Requests": (
        Panel(title="Requests", unit="reqps", queries=_rate("unkey_http_requests_total", "path")),
        Panel(title="Answers by status", unit="reqps", queries=_rate("unkey_http_requests_total", "status")),
        Panel(title="Latency", unit="s", queries=_quantiles("unkey_http_request_latency_seconds")),
        Panel(
            title="Latency of verifications",
            unit="s",
            queries=_quantiles("unkey_http_request_latency_seconds", f'path="/v2/keys.verifyKey", {HERE}'),
        ),
        Panel(
            title="Server errors",
            unit="reqps",
            queries=_rate("unkey_http_requests_total", "path", labels=f'status=~"5..", {HERE}'),
        ),
        Panel(
            title="Unexpected exceptions",
            queries=_rate("unkey_internal_panics_total", "path"),
            meaning="Anything but nothing is a bug; the log line `panic recovered` has the frames.",
        ),
    ),
    "Keys, limits and credits": (
        Panel(title="Keys looked up", unit="ops", queries=_rate("unkey_key_verifications_total", "type", "code")),
        Panel(
            title="Limit decisions", unit="ops", queries=_rate("unkey_ratelimit_decisions_total", "source", "outcome")
        ),
        Panel(
            title="Credit decisions",
            unit="ops",
            queries=_rate("unkey_usagelimiter_decisions_total", "source", "outcome"),
        ),
        Panel(
            title="Windows held",
            queries=((f"sum by (instance) (unkey_ratelimit_windows{{{HERE}}})", "{{instance}}"),),
            meaning="Counters in memory; the janitor drops those that are over.",
        ),
        Panel(
            title="Redis calls of the limiter",
            unit="ops",
            queries=_rate("unkey_ratelimit_origin_operations_total", "op"),
        ),
        Panel(
            title="Failed calls of Redis",
            unit="ops",
            queries=_rate("unkey_ratelimit_origin_errors_total", "op", "reason"),
            meaning="Limits are decided on local counts meanwhile.",
        ),
    ),
    "Caches": (
        Panel(title="Reads", unit="ops", queries=_rate("unkey_cache_reads_total", "resource", "hit")),
        Panel(title="Refreshes", unit="ops", queries=_rate("unkey_cache_revalidations_total", "resource")),
        Panel(title="Failed loads", unit="ops", queries=_rate("unkey_cache_revalidations_errors_total", "resource")),
        Panel(
            title="Fill",
            unit="percentunit",
            queries=(
                (
                    f"max by (resource) (unkey_cache_size{{{HERE}}} / unkey_cache_capacity{{{HERE}}})",
                    "{{resource}}",
                ),
            ),
        ),
    ),
    "Stores": (
        Panel(title="Statements", unit="ops", queries=_rate("unkey_database_operations_total", "replica", "operation")),
        Panel(title="Latency of statements", unit="s", queries=_quantiles("unkey_database_operations_latency_seconds")),
        Panel(
            title="Failed statements",
            unit="ops",
            queries=_rate("unkey_database_operations_errors_total", "replica", "operation"),
        ),
        Panel(
            title="Connections to MySQL",
            queries=(
                (
                    f"sum by (server, state) (unkey_database_pool_connections{{{HERE}}})",
                    "{{server}} {{state}}",
                ),
                (f"sum by (server) (unkey_database_pool_limit{{{HERE}}})", "{{server}} limit"),
                (f"sum by (server) (unkey_database_pool_waiting{{{HERE}}})", "{{server}} waiting"),
            ),
            meaning="Statements that wait mean that all connections are in use.",
        ),
        Panel(
            title="Writes that failed alone",
            queries=_rate("unkey_database_orphaned_writes_failed_total", "instance"),
            meaning="Their callers had left; the log names them.",
        ),
        Panel(
            title="Redis connected",
            queries=(
                (f"min by (instance) (unkey_redis_connected{{{HERE}}})", "{{instance}}"),
                (f"sum by (instance) (unkey_redis_commands_in_flight{{{HERE}}})", "{{instance}} in flight"),
            ),
        ),
        Panel(title="Latency of Redis", unit="s", queries=_quantiles("unkey_ratelimit_origin_latency_seconds")),
        Panel(
            title="Calls through breakers",
            unit="ops",
            queries=_rate("unkey_circuitbreaker_requests_total", "service", "action"),
            meaning="`open`: refused. `halfopen`: trials.",
        ),
        Panel(
            title="Writes of spent credits",
            unit="ops",
            queries=_rate("unkey_usagelimiter_replay_operations_total", "status"),
        ),
    ),
    "Events": (
        Panel(title="Rows written", unit="ops", queries=_rate("unkey_batch_items_processed_total", "name")),
        Panel(
            title="Rows lost",
            unit="ops",
            queries=(
                *_rate("unkey_batch_items_processed_errors_total", "name"),
                *_rate("unkey_buffer_state_total", "name", "state", labels=f'state!="buffered", {HERE}'),
                *_rate("unkey_spans_lost_total", "reason"),
            ),
        ),
        Panel(
            title="Fill of the buffers",
            unit="percentunit",
            queries=((f"max by (name) (unkey_buffer_size_percentage{{{HERE}}})", "{{name}}"),),
        ),
    ),
    "Log": (
        Panel(
            title="Lines dropped",
            queries=_rate("unkey_log_lines_dropped_total", "instance"),
            meaning="Nobody reads standard error fast enough.",
        ),
        Panel(
            title="Refusals without a line",
            queries=_rate("unkey_log_lines_skipped_total", "reason", "code"),
            meaning="Repeated or not sampled; the rows in ClickHouse have them.",
        ),
    ),
    "Process": (
        Panel(title="CPU", unit="percentunit", queries=_rate("process_cpu_seconds_total", "instance")),
        Panel(
            title="Memory",
            unit="bytes",
            queries=((f"sum by (instance) (process_resident_memory_bytes{{{HERE}}})", "{{instance}}"),),
        ),
        Panel(
            title="Versions",
            queries=(
                (f"count by (version, python_version) (unkey_build_info{{{HERE}}})", "{{version}} {{python_version}}"),
            ),
        ),
    ),
}


def render() -> str:
    """Return the dashboard as JSON."""
    panels: list[dict[str, object]] = []
    top = 0
    for title, row in ROWS.items():
        panels.append(_row(title, len(panels) + 1, top))
        top += 1
        for place, panel in enumerate(row):
            left, down = place % ACROSS * WIDTH, place // ACROSS * HEIGHT
            panels.append(_panel(panel, len(panels) + 1, left, top + down))
        top += -(-len(row) // ACROSS) * HEIGHT
    return json.dumps(_frame(panels), indent=2) + "\n"


def _row(title: str, number: int, top: int) -> dict[str, object]:
    place = {"h": 1, "w": WIDTH * ACROSS, "x": 0, "y": top}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def _panel(panel: Panel, number: int, left: int, top: int) -> dict[str, object]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.meaning,
        "datasource": {"type": "prometheus", "uid": "$datasource"},
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": left, "y": top},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [
            {"refId": chr(ord("A") + index), "expr": query, "legendFormat": legend}
            for index, (query, legend) in enumerate(panel.queries)
        ],
    }


def _frame(panels: list[dict[str, object]]) -> dict[str, object]:
    source = {"name": "datasource", "type": "datasource", "query": "prometheus"}
    instance = {
        "name": "instance",
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "$datasource"},
        "query": "label_values(unkey_build_info, instance)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }
    return {
        "uid": "unkey-api",
        "title": "unkey-api",
        "tags": ["unkey-api"],
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": [source, instance]},
        "panels": panels,
    }


def main() -> None:
    """Write the dashboard."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
