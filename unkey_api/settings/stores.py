"""Where state is kept, and what each process may hold of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from unkey_api.core.secret import Secret
from unkey_api.settings import checks
from unkey_api.settings.about import about

MOMENT = (timedelta(milliseconds=10), timedelta(minutes=1))
STATEMENT = (timedelta(milliseconds=100), timedelta(hours=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """MySQL or MariaDB, the truth."""

    primary: Secret = field(
        metadata=about(
            "Where to write: `user:password@tcp(host:port)/name?parseTime=true` or `mysql://user:password@host/name`.",
            required=True,
            check=checks.check_dsn,
        )
    )
    readonly_replica: Secret = field(
        default=Secret(""),
        metadata=about("Where to read, in the same form; empty reads from the primary.", check=checks.check_dsn),
    )
    startup_attempts: int = field(
        default=5,
        metadata=about(
            "How often the servers are asked before a start is given up; n seconds pass after the n-th time.",
            between=(1, 100),
            unit="attempts",
        ),
    )
    statement_timeout: timedelta = field(
        default=timedelta(seconds=30),
        metadata=about(
            "Time one statement may take, enforced by the server and, where it is silent, by us.", between=STATEMENT
        ),
    )
    max_open: int = field(
        default=25,
        metadata=about(
            "Connections each worker opens to each server at most; all workers together must stay below what the "
            "server allows.",
            between=(1, 10_000),
            unit="connections",
        ),
    )
    max_idle: int = field(
        default=10,
        metadata=about(
            "Unused connections each worker keeps to each server; 0 keeps none.",
            between=(0, 10_000),
            unit="connections",
        ),
    )
    max_lifetime: timedelta = field(
        default=timedelta(minutes=5),
        metadata=about(
            "Age at which a connection is replaced, so that a fail-over shows. Keep it below the server's "
            "`wait_timeout`.",
            between=(timedelta(seconds=1), timedelta(hours=8)),
        ),
    )
    max_idle_time: timedelta = field(
        default=timedelta(minutes=1),
        metadata=about(
            "Time without use after which a connection is closed.", between=(timedelta(seconds=1), timedelta(hours=8))
        ),
    )
    connect_timeout: timedelta = field(
        default=timedelta(seconds=5),
        metadata=about("Time the TCP connect, TLS and login of a connection may take together.", between=MOMENT),
    )
    acquire_timeout: timedelta = field(
        default=timedelta(seconds=5),
        metadata=about("Time a statement waits for a free connection.", between=MOMENT),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """How long we wait for Redis. Each worker has one connection for all its commands, which are pipelined."""

    command_timeout: timedelta = field(
        default=timedelta(milliseconds=300),
        metadata=about(
            "Time a request may lose to one command; past it the request is decided without Redis.",
            between=(timedelta(milliseconds=1), timedelta(seconds=30)),
        ),
    )
    startup_timeout: timedelta = field(
        default=timedelta(seconds=2),
        metadata=about(
            "Time a start waits for Redis before it goes on without.",
            between=(timedelta(0), timedelta(minutes=1)),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """What each worker remembers, and how much of it."""

    key_bytes: int = field(
        default=268_435_456,
        metadata=about(
            "Memory each worker gives to the keys it has seen; a typical key takes 5 kB. Those not used lately go "
            "first.",
            between=(1_048_576, 68_719_476_736),
            unit="bytes",
        ),
    )
    absent_keys: int = field(
        default=20_000,
        metadata=about(
            "Presented keys each worker remembers to be unknown, apart from the others; each takes half a kB.",
            between=(0, 10_000_000),
            unit="keys",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickhouseSettings:
    """Where events go and analytics come from."""

    url: Secret = field(
        default=Secret(""),
        metadata=about("Where events are written; empty drops them.", check=checks.check_clickhouse_url),
    )
    analytics_url: Secret = field(
        default=Secret(""),
        metadata=about(
            "Base URL of the per-workspace query users; empty answers that analytics are not configured.",
            check=checks.check_clickhouse_url,
        ),
    )
