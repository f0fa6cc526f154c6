"""When the rest of a body is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unkey_api.server.http1.output import FAR

if TYPE_CHECKING:
    from unkey_api.server.http1.connections import Bounds
    from unkey_api.server.http1.request import Request


class BodyPace:
    """The clock of one body after the other. It stands while it is us who do not read."""

    __slots__ = ("_began", "_halted")

    def __init__(self) -> None:
        self._began = 0.0
        self._halted = 0.0

    def begin(self, now: float) -> None:
        """Start the clock of the next body."""
        self._began, self._halted = now, 0.0

    def due(self, request: Request, now: float, bounds: Bounds, *, halted: bool) -> float:
        """Return when more must have come; never while it is `halted`."""
        if self._halted:
            self._began += now - self._halted
            self._halted = 0.0
        if halted:
            self._halted = now
            return FAR
        pace = bounds.head_seconds + request.received / bounds.body_bytes_per_second
        return self._began + min(bounds.body_seconds, pace)
