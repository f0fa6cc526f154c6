"""A clock that moves when told to."""

from __future__ import annotations


class FixedClock:
    """Satisfies `unkey_api.core.clock.Clock`; starts at `now_ms` and stands still."""

    def __init__(self, now_ms: int = 1_750_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        return self._now_ms

    def monotonic(self) -> float:
        """Return seconds, moving together with `now_ms`."""
        return self._now_ms / 1000

    def advance(self, milliseconds: int) -> None:
        """Move forward."""
        self._now_ms += milliseconds

    def set(self, now_ms: int) -> None:
        """Jump to an instant, forward or back."""
        self._now_ms = now_ms
