"""`X-Unkey-Timing`: where the data of an answer came from."""

from __future__ import annotations

from unkey_api.infra.caching.swr import Freshness
from unkey_api.rpc.exchange import running_exchange

HEADER = b"x-unkey-timing"
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


class CacheTiming:
    """Adds one header per cache read: `cache_get{cache=<name>,status=fresh|stale|miss}=<duration>`."""

    def __init__(self) -> None:
        self._fresh: dict[str, tuple[bytes, bytes]] = {}

    def cache_read(self, cache: str, freshness: Freshness, seconds: float) -> None:
        """Note a read on the running request; reads outside of requests are not noted."""
        exchange = running_exchange()
        if exchange is None:
            return
        if freshness is not Freshness.FRESH:
            exchange.response_headers.append((HEADER, _value(cache, freshness, seconds)))
            return
        # A fresh read takes no time worth measuring, so the line is the same every time.
        line = self._fresh.get(cache)
        if line is None:
            line = self._fresh[cache] = (HEADER, _value(cache, freshness, seconds))
        exchange.response_headers.append(line)


def _value(cache: str, freshness: Freshness, seconds: float) -> bytes:
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return f"cache_get{{cache={cache},status={freshness.value}}}={_decimal(seconds / size)}{unit}".encode()


def _decimal(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")
