"""The public tables of each operation: names callers write, tables behind them, columns that may be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from unkey_api.areas.analytics.guard.policy import Table, TimeUnit

Tables: TypeAlias = Mapping[str, Table]

_GATEWAY_COLUMNS = """
    request_id time workspace_id project_id app_id environment_id deployment_id instance_id region method host path
    query_string query_params request_headers request_body response_status response_headers response_body user_agent
    ip_address total_latency instance_latency gateway_latency
"""
_LOG_COLUMNS = """
    log_id time inserted_at severity message workspace_id project_id environment_id app_id deployment_id region
    attributes_text
"""
_STEPS = {
    "minute": TimeUnit.MOMENT,
    "hour": TimeUnit.MOMENT,
    "day": TimeUnit.DAY,
    "month": TimeUnit.DAY,
}


def _with_rollups(name: str, *, raw: int, rollups: int) -> Tables:
    """Return the raw table of a kind of event and its rollups; the numbers are versions of the physical tables."""
    tables = [Table(f"{name}_v1", f"{name}_raw_v{raw}", TimeUnit.MILLISECONDS)]
    for step, unit in _STEPS.items():
        tables.append(Table(f"{name}_per_{step}_v1", f"{name}_per_{step}_v{rollups}", unit))
    return {table.name: table for table in tables}


VERIFICATIONS = _with_rollups("key_verifications", raw=2, rollups=3)
RATELIMITS = _with_rollups("ratelimits", raw=2, rollups=2)
GATEWAY_REQUESTS: Tables = {
    "gateway_requests_v1": Table(
        "gateway_requests_v1", "frontline_requests_raw_v1", TimeUnit.MILLISECONDS, tuple(_GATEWAY_COLUMNS.split())
    )
}
RUNTIME_LOGS: Tables = {
    "runtime_logs_v1": Table(
        "runtime_logs_v1", "runtime_logs_raw_v1", TimeUnit.MILLISECONDS, tuple(_LOG_COLUMNS.split())
    )
}
ALL_TABLES: tuple[Table, ...] = tuple(
    table for tables in (VERIFICATIONS, RATELIMITS, GATEWAY_REQUESTS, RUNTIME_LOGS) for table in tables.values()
)
"""What the login of a workspace may read."""
