"""Health endpoints for orchestrators: no credential, no log line, no metrics row."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import orjson

from unkey_api.rpc.request_state import Receive, Scope, Send, path_of

Check = Callable[[], Awaitable[bool]]
Details: TypeAlias = dict[str, str]
"""What readiness tells about parts that may be away without making it fail, by name. Kept up to date by the parts."""
LOOK_SECONDS = 5.0  # between looks at the checks for whoever watches
CHECK_SECONDS = 0.5  # a probe that waits longer than this is worse than a failing one


class Phase(StrEnum):
    """Where the process is in its life."""

    STARTING = "not started"
    SERVING = "ok"
    STOPPING = "shutting down"


class Health:
    """Answers `/health/live`, `/health/ready` and `/health/startup`."""

    PATHS = frozenset({"/health/live", "/health/ready", "/health/startup"})

    def __init__(self, checks: Mapping[str, Check] | None = None, details: Mapping[str, str] | None = None) -> None:
        self.changes = 0
        """How often the phase has changed."""
        self._phase = Phase.STARTING
        self._change = asyncio.Event()
        self._at_stop: list[Callable[[], None]] = []
        self._checks = dict(checks or {})
        self._details = details if details is not None else {}

    @property
    def phase(self) -> Phase:
        """Where the process is in its life; the worker moves it on."""
        return self._phase

    @phase.setter
    def phase(self, phase: Phase) -> None:
        """Move on, and wake whoever watches."""
        self._phase = phase
        self.changes += 1
        self._change.set()
        self._change = asyncio.Event()
        if phase is Phase.STOPPING:
            for tell in self._at_stop:
                tell()

    def on_stop(self, tell: Callable[[], None]) -> None:
        """Have somebody told when no further requests are wanted."""
        self._at_stop.append(tell)

    @property
    def stopping(self) -> bool:
        """Whether no further requests are wanted, for good."""
        return self._phase is Phase.STOPPING

    async def changed(self, seen: int) -> None:
        """Return when readiness may have changed since there were `seen` changes.

        That is with the phase, and every few seconds where there are checks.
        """
        if self.changes != seen:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS if self._checks else None):
                await self._change.wait()

    async def ready(self) -> bool:
        """Say what `/health/ready` says."""
        return (await self._judge("/health/ready"))[0] == 200

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request as an ASGI application: 200 when healthy in the sense of its path, 503 otherwise."""
        status, body = await self._judge(path_of(scope))
        payload = orjson.dumps(body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(payload))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": payload})

    async def _judge(self, path: str) -> tuple[int, dict[str, Any]]:
        if self.phase is Phase.STARTING:
            return 503, {"status": Phase.STARTING.value}
        if path != "/health/ready":
            return 200, {"status": Phase.SERVING.value}
        if self.phase is Phase.STOPPING:
            return 503, {"status": Phase.STOPPING.value}
        results = dict(zip(self._checks, await asyncio.gather(*map(_run, self._checks.values())), strict=True))
        failed = not all(results.values())
        body: dict[str, Any] = {"status": "fail" if failed else Phase.SERVING.value}
        if results:
            body["checks"] = {name: "ok" if ok else "fail" for name, ok in results.items()}
        if self._details:
            body["details"] = dict(self._details)
        return (503 if failed else 200), body


async def _run(check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except Exception:  # noqa: BLE001 - a check that raises is a check that fails
        return False
