"""A row of `limits`: what a workspace may use."""

from __future__ import annotations

from typing import Any

_REQUIRED = (
    "api_billable_operations_count_max_per_month",
    "logs_retention_days_max",
    "logs_audit_retention_days_max",
    "team_enabled",
    "cpu_cores_max",
    "cpu_cores_max_per_instance",
    "memory_mib_max",
    "memory_mib_max_per_instance",
    "storage_mib_max",
    "storage_mib_max_per_instance",
    "builds_concurrent_max",
    "custom_domains_max",
    "autoscaling_replicas_max",
)


def limits_row(workspace_id: str, *, requests_per_minute: int | None) -> dict[str, Any]:
    """Return the columns of a row; only the limit on requests matters to this service."""
    return {
        **dict.fromkeys(_REQUIRED, 1),
        "workspace_id": workspace_id,
        "api_requests_count_max_per_minute": requests_per_minute,
    }
