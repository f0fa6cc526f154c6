"""The table of how workspaces ask ClickHouse."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from unkey_api.areas.analytics.types import Quotas, WorkspaceSettings
from unkey_api.core.columns import UnixMs
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement


@dataclass(frozen=True, slots=True)
class RetentionRow:
    """How long a workspace keeps its logs."""

    logs_retention_days_max: int


_FIND_SETTINGS = load_query(__package__, "analytics_settings_find", row=WorkspaceSettings)
_FIND_RETENTION = load_query(__package__, "analytics_retention_find", row=RetentionRow)
_UPSERT_SETTINGS = load_statement(__package__, "analytics_settings_upsert")


async def find_settings(conn: ReadConn, workspace_id: str) -> WorkspaceSettings | None:
    """Return how a workspace asks ClickHouse; None when it has no settings or no limits."""
    return await conn.fetch_one(_FIND_SETTINGS, {"workspace_id": workspace_id})


async def find_retention(conn: ReadConn, workspace_id: str) -> int | None:
    """Return for how many days a workspace keeps its logs; None when it has no limits."""
    row = await conn.fetch_one(_FIND_RETENTION, {"workspace_id": workspace_id})
    return None if row is None else row.logs_retention_days_max


async def upsert_settings(
    tx: WriteConn, workspace_id: str, quotas: Quotas, *, password_encrypted: str, now: UnixMs
) -> None:
    """Set the quotas of a workspace, and its password unless it has one."""
    values = {**asdict(quotas), "workspace_id": workspace_id, "password_encrypted": password_encrypted, "now": now}
    await tx.execute(_UPSERT_SETTINGS, values)
