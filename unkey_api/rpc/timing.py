"""Tells callers how their reads of this process's caches went: the `X-Unkey-Timing` header."""

from __future__ import annotations

from unkey_api.infra.caching.swr import Freshness
from unkey_api.rpc.exchange import find_exchange

HEADER = b"x-unkey-timing"
_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"))


class CacheTiming:
    """Adds one header line per cache read to the answer of the running request; satisfies `CacheObserver`."""

    def __init__(self) -> None:
        self._fresh: dict[str, tuple[bytes, bytes]] = {}  # fresh reads are not timed: few lines, reused

    def cache_read(self, cache: str, freshness: Freshness, seconds: float) -> None:
        """Note one read. Outside of a request nothing happens."""
        exchange = find_exchange()
        if exchange is None:
            return
        if freshness is not Freshness.FRESH:
            exchange.response_headers.append(_line(cache, freshness, seconds))
            return
        line = self._fresh.get(cache)
        if line is None:
            line = self._fresh[cache] = _line(cache, freshness, seconds)
        exchange.response_headers.append(line)


def _line(cache: str, freshness: Freshness, seconds: float) -> tuple[bytes, bytes]:
    return HEADER, f"cache_swr{{cache={cache},status={freshness.value}}}={duration_text(seconds)}".encode()


def duration_text(seconds: float) -> str:
    """Return a duration in the largest of `ns`, `us`, `ms`, `s` that gives at least 1, for example `1.5ms`."""
    nanoseconds = round(seconds * 1e9)
    for size, unit in _UNITS:
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3f}".rstrip("0").rstrip(".") + unit
    return f"{nanoseconds}ns"
