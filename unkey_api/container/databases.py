"""How to reach MySQL. Apart from the other stores, so that a command loads nothing of those."""

from __future__ import annotations

from unkey_api.container.closing import graces
from unkey_api.infra.mysql import MysqlSettings, parse_dsn
from unkey_api.settings.sections import Settings


def mysql_settings(settings: Settings) -> MysqlSettings:
    """Return how to reach the database."""
    database = settings.database
    replica = database.readonly_replica.reveal()
    return MysqlSettings(
        primary=parse_dsn(database.primary.reveal()),
        replica=parse_dsn(replica) if replica else None,
        region=settings.region,
        startup_attempts=database.startup_attempts,
        statement_timeout=database.statement_timeout,
        max_open=database.max_open,
        max_idle=min(database.max_idle, database.max_open),
        max_lifetime=database.max_lifetime,
        max_idle_time=database.max_idle_time,
        connect_timeout=database.connect_timeout,
        acquire_timeout=database.acquire_timeout,
        close_timeout=graces(settings.shutdown_timeout).writes,
        replica_lag_max=settings.revocation.replica_lag_max,
    )
