"""What the database layer needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from unkey_api.settings.addresses.mysql import Dsn


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlSettings:
    """How we reach MySQL or MariaDB, and how long we wait for it."""

    primary: Dsn
    """Reads that must be current and all writes go here."""
    replica: Dsn | None = None
    """Reads that may lag go here; None sends them to the primary."""
    max_open: int = 25
    """Connections per pool, at least 1."""
    max_idle: int = 10
    """Unused connections kept per pool, 0 or more."""
    max_lifetime: timedelta = timedelta(minutes=5)
    """A connection this old is closed instead of reused, so that a fail-over shows. Keep it below `wait_timeout`."""
    max_idle_time: timedelta = timedelta(minutes=1)
    """A connection unused for so long is closed instead of reused."""
    connect_timeout: timedelta = timedelta(seconds=5)
    """Budget for the TCP connect, TLS and login of one connection."""
    acquire_timeout: timedelta = timedelta(seconds=5)
    """How long a statement waits for a free connection, apart from connecting."""
    statement_timeout: timedelta = timedelta(seconds=30)
    """Budget for one statement, enforced by the server and, half a second later, by us."""
    transaction_timeout: timedelta = timedelta(minutes=1)
    """Budget for a write with all its replays; it also bounds writes whose caller has left."""
    close_timeout: timedelta = timedelta(seconds=10)
    """How long closing waits for writes in flight before it ends them."""
    replica_lag_max: timedelta = timedelta(seconds=30)
    """How long after a change the replica is not asked for what belongs to its workspace; see `ReplicaRule`."""
    startup_attempts: int = 5
    """Pings before the start fails; the n-th failure is followed by a wait of n seconds."""
    region: str = ""
    """Named in the comment on each statement; empty leaves it out."""
    release_sha: str = ""
    """Named in the comment on each statement, first seven characters; empty leaves it out."""
