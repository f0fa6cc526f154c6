"""Connections of the listeners, read at the moment of a scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.registry import Collector

from unkey_api.infra.telemetry.collectors import Family, empty_family

_OPEN: Family = ("unkey_server_connections", "gauge", ("listener",), "Connections open.")
_ENDED: Family = (
    "unkey_server_connections_ended_total",
    "counter",
    ("listener", "reason"),
    "Connections ended from this side: refused, timed out, or cut at a stop.",
)


class CountedListener(Protocol):
    """A listener that knows its numbers."""

    @property
    def open_connections(self) -> int:
        """Connections there are right now."""
        ...

    @property
    def ended(self) -> Mapping[str, int]:
        """Connections ended from this side so far, by a reason of a fixed set."""
        ...


class ConnectionMetrics(Collector):
    """Reads the numbers of every listener it was told to watch."""

    def __init__(self) -> None:
        self._listeners: dict[str, CountedListener] = {}

    def watch(self, name: str, listener: CountedListener) -> None:
        """Report this listener from now on under `name`."""
        self._listeners[name] = listener

    def families(self) -> tuple[Family, ...]:
        """Return what this collector reports."""
        return (_OPEN, _ENDED)

    def describe(self) -> Iterable[Metric]:
        """Return the empty families, so that registering does not need a listener."""
        return [empty_family(each) for each in self.families()]

    def collect(self) -> Iterator[Metric]:
        """Read all listeners."""
        held, ended = (empty_family(each) for each in self.families())
        for name, listener in self._listeners.items():
            held.add_metric([name], listener.open_connections)
            for reason, count in list(listener.ended.items()):
                ended.add_metric([name, reason], count)
        yield from (held, ended)
