"""Health endpoints for orchestrators: no credential, no log line, no metrics row.

No store is asked: one that is away would take every instance out of service at once, also for what caches can answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import orjson

Send = Callable[[dict[str, Any]], Awaitable[None]]  # ASGI events are mappings with values of any kind
Details: TypeAlias = dict[str, str]
"""What readiness tells about parts that may be away without making it fail, by name. Kept up to date by the parts."""


class Phase(StrEnum):
    """Where the process is in its life."""

    STARTING = "not started"
    SERVING = "ok"
    STOPPING = "shutting down"


class Health:
    """Answers `/health/live`, `/health/ready` and `/health/startup`."""

    PATHS = frozenset({"/health/live", "/health/ready", "/health/startup"})

    def __init__(self, details: Mapping[str, str] | None = None) -> None:
        self.phase = Phase.STARTING
        self._details = details if details is not None else {}

    async def respond(self, path: str, send: Send) -> None:
        """Send 200 when healthy in the sense of `path`, 503 otherwise."""
        status, body = self._judge(path)
        payload = orjson.dumps(body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(payload))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": payload})

    def _judge(self, path: str) -> tuple[int, dict[str, Any]]:
        if self.phase is Phase.STARTING:
            return 503, {"status": Phase.STARTING.value}
        if path != "/health/ready":
            return 200, {"status": Phase.SERVING.value}
        if self.phase is Phase.STOPPING:
            return 503, {"status": Phase.STOPPING.value}
        body: dict[str, Any] = {"status": Phase.SERVING.value}
        if self._details:
            body["details"] = dict(self._details)
        return 200, body
