"""Metrics: what is counted shows up under the documented names."""

from __future__ import annotations

import pytest

from tools.metrics_table import PAGE, render
from unkey_api.infra.batching.batcher import FlushReason
from unkey_api.infra.caching.swr import CacheCounts
from unkey_api.infra.clickhouse.writer import FlushOutcome, FlushReport
from unkey_api.infra.resilience.breaker import BreakerState
from unkey_api.infra.telemetry.collectors import CacheRoom
from unkey_api.infra.telemetry.limit_collector import DECISIONS, KEYS, WINDOWS, Reading
from unkey_api.infra.telemetry.metrics import Metrics


class HalfFull:
    dropped = 4
    refused = 1

    def __len__(self) -> int:
        return 5


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="1.2.3", revision="abc")


def value(metrics: Metrics, name: str, /, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_build_info_names_the_version(metrics: Metrics) -> None:
    assert 'unkey_build_info{build_time="",' in metrics.render().decode()
    assert 'version="1.2.3"' in metrics.render().decode()


def test_answered_request_is_counted_once_everywhere(metrics: Metrics) -> None:
    for _ in range(2):
        metrics.http.on_answer("POST", "/v2/keys.verifyKey", 200, seconds=0.003, body_bytes=500)
    labels = {"method": "POST", "path": "/v2/keys.verifyKey", "status": "200"}
    assert value(metrics, "unkey_http_requests_total", **labels) == 2
    assert value(metrics, "unkey_http_request_latency_seconds_bucket", le="0.002", **labels) == 0
    assert value(metrics, "unkey_http_request_latency_seconds_bucket", le="0.005", **labels) == 2
    assert value(metrics, "unkey_http_request_body_size_bytes_bucket", le="100.0", **labels) == 0
    assert value(metrics, "unkey_http_request_body_size_bytes_bucket", le="1024.0", **labels) == 2


def test_made_up_methods_share_one_series(metrics: Metrics) -> None:
    for number in range(20_000):
        metrics.http.on_answer(f"M{number}", "(unmatched)", 404, seconds=0.001, body_bytes=0)
    labels = {"path": "(unmatched)", "status": "404"}
    assert value(metrics, "unkey_http_requests_total", method="_OTHER", **labels) == 20_000
    assert len(metrics.render()) < 500_000


def test_statements_are_counted_by_mode_operation_and_outcome(metrics: Metrics) -> None:
    metrics.database.on_statement("key_find", "ro", "query_row", 0.001, None)
    metrics.database.on_statement("key_insert", "rw_tx", "exec", 0.001, ValueError("x"))
    name = "unkey_database_operations_total"
    assert value(metrics, name, replica="ro", operation="query_row", status="success") == 1
    assert value(metrics, name, replica="rw_tx", operation="exec", status="error") == 1
    assert value(metrics, "unkey_database_operations_errors_total", replica="rw_tx", operation="exec") == 1
    assert value(metrics, "unkey_database_operations_errors_total", replica="ro", operation="query_row") is None


def test_batches_count_rows_written_and_lost_apart(metrics: Metrics) -> None:
    for outcome, rows in ((FlushOutcome.WRITTEN, 7), (FlushOutcome.LOST, 3)):
        metrics.batches.on_flush(
            FlushReport(table="t", rows=rows, reason=FlushReason.SIZE_LIMIT, outcome=outcome, attempts=1)
        )
    assert value(metrics, "unkey_batch_items_processed_total", name="t") == 7
    assert value(metrics, "unkey_batch_items_processed_errors_total", name="t") == 3
    assert value(metrics, "unkey_batch_operations_total", name="t", trigger="size_limit", status="error") == 1


def test_calls_through_a_breaker_are_counted_by_state(metrics: Metrics) -> None:
    for state in (BreakerState.CLOSED, BreakerState.CLOSED, BreakerState.OPEN):
        metrics.breakers.on_call("redis", state)
    assert value(metrics, "unkey_circuitbreaker_requests_total", service="redis", action="closed") == 2
    assert value(metrics, "unkey_circuitbreaker_requests_total", service="redis", action="open") == 1


def test_calls_of_the_shared_store_are_counted_by_reason(metrics: Metrics) -> None:
    metrics.ratelimit.on_origin_call("sync", 1, 0.001, failed_for="timeout")
    metrics.ratelimit.on_origin_call("sync", 1, 0.001)
    assert value(metrics, "unkey_ratelimit_origin_operations_total", op="sync") == 2
    assert value(metrics, "unkey_ratelimit_origin_latency_seconds_count", op="sync") == 2
    assert value(metrics, "unkey_ratelimit_origin_errors_total", op="sync", reason="timeout") == 1


def test_credit_replays_are_counted(metrics: Metrics) -> None:
    metrics.usage.on_replay("success", 0.01)
    assert value(metrics, "unkey_usagelimiter_replay_operations_total", status="success") == 1
    assert value(metrics, "unkey_usagelimiter_replay_latency_seconds_count") == 1


def test_readings_appear_with_their_labels_and_as_they_stand(metrics: Metrics) -> None:
    readings = [Reading(WINDOWS, (), 3), Reading(DECISIONS, ("ws", "local", "passed"), 7)]
    metrics.limits.watch(lambda: readings)
    metrics.limits.watch(lambda: [Reading(KEYS, ("root_key", "VALID"), 2)])
    assert value(metrics, "unkey_ratelimit_windows") == 3
    labels = {"workspace_id": "ws", "source": "local", "outcome": "passed"}
    assert value(metrics, "unkey_ratelimit_decisions_total", **labels) == 7
    assert value(metrics, "unkey_key_verifications_total", type="root_key", code="VALID") == 2
    readings[0] = Reading(WINDOWS, (), 4)
    assert value(metrics, "unkey_ratelimit_windows") == 4
    assert b"unkey_ratelimit_decisions_total{" in metrics.render()


def test_invalidations_are_counted_with_their_delay(metrics: Metrics) -> None:
    metrics.invalidation.on_sent("keys", "remove")
    metrics.invalidation.on_received("keys", "remove", "handled")
    metrics.invalidation.on_delivery("gossip", 0.2)
    metrics.invalidation.on_broadcast_error("gossip")
    metrics.invalidation.set_up("gossip", up=True)
    name = "unkey_cache_clustering_"
    assert value(metrics, f"{name}invalidations_sent_total", cache_name="keys", action="remove") == 1
    labels = {"cache_name": "keys", "action": "remove", "status": "handled"}
    assert value(metrics, f"{name}invalidations_received_total", **labels) == 1
    assert value(metrics, f"{name}delivery_latency_seconds_count", transport="gossip") == 1
    assert value(metrics, f"{name}broadcast_errors_total", transport="gossip") == 1
    assert value(metrics, f"{name}transport_up", transport="gossip") == 1


def test_panics_are_counted(metrics: Metrics) -> None:
    metrics.on_panic("edge", "/v2/keys.verifyKey")
    assert value(metrics, "unkey_internal_panics_total", caller="edge", path="/v2/keys.verifyKey") == 1


def test_caches_are_read_when_scraped(metrics: Metrics) -> None:
    counts = CacheCounts(fresh=3, stale=2, miss=1, evicted=4, absent_evicted=6)
    metrics.caches.watch(
        "keys",
        counts,
        size=lambda: 10,
        capacity=100,
        absent=CacheRoom(lambda: 7, 70),
        memory=CacheRoom(lambda: 5_000, 50_000),
    )
    metrics.caches.watch("apis", CacheCounts(), size=lambda: 1, capacity=1)
    counts.fresh += 1
    assert value(metrics, "unkey_cache_reads_total", resource="keys", hit="true") == 6
    assert value(metrics, "unkey_cache_reads_total", resource="keys", hit="false") == 1
    assert value(metrics, "unkey_cache_deleted_total", resource="keys", reason="evicted") == 4
    assert value(metrics, "unkey_cache_deleted_total", resource="keys", reason="absent_evicted") == 6
    assert value(metrics, "unkey_cache_size", resource="keys") == 10
    assert value(metrics, "unkey_cache_capacity", resource="keys") == 100
    assert value(metrics, "unkey_cache_absent_size", resource="keys") == 7
    assert value(metrics, "unkey_cache_absent_capacity", resource="keys") == 70
    assert value(metrics, "unkey_cache_bytes", resource="keys") == 5_000
    assert value(metrics, "unkey_cache_capacity_bytes", resource="keys") == 50_000
    assert value(metrics, "unkey_cache_bytes", resource="apis") is None


def test_buffers_are_read_when_scraped(metrics: Metrics) -> None:
    metrics.buffers.watch("ratelimits", HalfFull(), capacity=10)
    assert value(metrics, "unkey_buffer_state_total", name="ratelimits", state="dropped") == 4
    assert value(metrics, "unkey_buffer_state_total", name="ratelimits", state="closed") == 1
    assert value(metrics, "unkey_buffer_size_percentage", name="ratelimits", drop="true") == 0.5
    metrics.buffers.watch("waiting", HalfFull(), capacity=5, accepted=lambda: 9, drops=False)
    assert value(metrics, "unkey_buffer_state_total", name="waiting", state="buffered") == 9
    assert value(metrics, "unkey_buffer_size_percentage", name="waiting", drop="false") == 1


def test_two_sets_in_one_process_do_not_share_anything() -> None:
    one, other = Metrics(version="1"), Metrics(version="1")
    one.on_panic("a", "/")
    assert value(other, "unkey_internal_panics_total", caller="a", path="/") is None


def test_page_is_what_the_tool_writes() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run `python -m tools.metrics_table`"


def test_names_are_ours_and_counters_end_in_total(metrics: Metrics) -> None:
    for each in metrics.described:
        assert each.name.startswith("unkey_")
        assert each.name.endswith("_total") is (each.kind == "counter")
