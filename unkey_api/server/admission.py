"""Who may open a further connection: so many in all, so many from one address, proxies of ours without number."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from unkey_api.core.addresses import Network, inside, read_address, site


class Admission:
    """Counts the open connections of one listener in one worker."""

    def __init__(self, *, total: int, per_address: int, exempt: Iterable[Network] = ()) -> None:
        """Take how many connections there may be in all and from one address; `exempt` networks count in all only."""
        self._total = total
        self._per_address = per_address
        self._exempt = tuple(exempt)
        self._open: dict[str, int] = {}
        self._in_all = 0
        self.refused = 0
        """Connections turned away so far."""

    @property
    def in_all(self) -> int:
        """Connections open right now."""
        return self._in_all

    def enter(self, address: str) -> str | None:
        """Count a connection from an address. Returns what to hand to `leave`, or None when it has to be closed."""
        holder = _holder(address, self._exempt)
        if self._in_all >= self._total or (holder and self._open.get(holder, 0) >= self._per_address):
            self.refused += 1
            return None
        self._in_all += 1
        if holder:
            self._open[holder] = self._open.get(holder, 0) + 1
        return holder

    def leave(self, holder: str) -> None:
        """Forget a connection that was let in."""
        self._in_all -= 1
        left = self._open.get(holder, 0) - 1
        if left > 0:
            self._open[holder] = left
        else:
            self._open.pop(holder, None)


@lru_cache(maxsize=1024)
def _holder(address: str, exempt: tuple[Network, ...]) -> str:
    """Return for whom a connection counts; empty text when it counts for nobody."""
    parsed = read_address(address)
    if parsed is None:
        return address  # a UNIX socket has none
    return "" if inside(parsed, exempt) else site(parsed)
