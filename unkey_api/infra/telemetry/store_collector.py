"""Metrics of connections to stores, read from the pools at the moment of a scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.registry import Collector

from unkey_api.infra.telemetry.collectors import Family, empty_family

_CONNECTIONS: Family = ("unkey_database_pool_connections", "gauge", ("server", "state"), "Connections, by use.")
_WAITING: Family = ("unkey_database_pool_waiting", "gauge", ("server",), "Statements waiting for a connection.")
_LIMIT: Family = ("unkey_database_pool_limit", "gauge", ("server",), "Connections the pool opens at most.")
_REDIS_UP: Family = ("unkey_redis_connected", "gauge", (), "1 while the connection to Redis can be used.")
_REDIS_WAITING: Family = ("unkey_redis_commands_in_flight", "gauge", (), "Commands sent to Redis and not yet answered.")


class WatchedPool(Protocol):
    """A bounded set of connections."""

    @property
    def lent(self) -> int:
        """Connections in use or being opened."""
        ...

    @property
    def idle(self) -> int:
        """Open connections nobody uses."""
        ...

    @property
    def waiting(self) -> int:
        """Users that wait for a connection."""
        ...

    @property
    def limit(self) -> int:
        """How many connections there can be."""
        ...


class StoreCollector(Collector):
    """Reads the pools it was told to watch."""

    def __init__(self) -> None:
        self._pools: dict[str, WatchedPool] = {}
        self._redis: tuple[Callable[[], bool], Callable[[], int]] | None = None

    def watch_pool(self, server: str, pool: WatchedPool) -> None:
        """Report this pool from now on; `server` is `primary` or `replica`."""
        self._pools[server] = pool

    def watch_redis(self, *, connected: Callable[[], bool], in_flight: Callable[[], int]) -> None:
        """Report the one connection to Redis from now on."""
        self._redis = (connected, in_flight)

    def families(self) -> tuple[Family, ...]:
        """Return what this collector reports."""
        return (_CONNECTIONS, _WAITING, _LIMIT, _REDIS_UP, _REDIS_WAITING)

    def describe(self) -> Iterable[Metric]:
        """Return the empty families, so that registering does not need a store."""
        return [empty_family(each) for each in self.families()]

    def collect(self) -> Iterator[Metric]:
        """Read all pools."""
        connections, waiting, limit, up, commands = (empty_family(each) for each in self.families())
        for server, pool in self._pools.items():
            connections.add_metric([server, "in_use"], pool.lent)
            connections.add_metric([server, "idle"], pool.idle)
            waiting.add_metric([server], pool.waiting)
            limit.add_metric([server], pool.limit)
        if self._redis is not None:
            connected, in_flight = self._redis
            up.add_metric([], connected())
            commands.add_metric([], in_flight())
        yield from (connections, waiting, limit, up, commands)
