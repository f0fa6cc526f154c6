"""A request is given one minute, and less when the process stops."""

from __future__ import annotations

import asyncio
import contextvars

from unkey_api.core.errors import ErrorCode, ServiceUnavailable
from unkey_api.rpc.errors import Fault, fault_of
from unkey_api.rpc.exchange import current_exchange


class Timer:
    """Cancels the current task once, that many seconds from now or when the process stops before."""

    __slots__ = ("_cancelling", "_handle", "_stopped", "_task", "expired")

    def __init__(self, seconds: float, context: contextvars.Context) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            msg = "a deadline needs a task to cancel"
            raise RuntimeError(msg)
        self._task = task
        self._cancelling = task.cancelling()
        self.expired = False
        """Whether it has cancelled the task."""
        self._stopped = False
        self._handle = loop.call_later(seconds, self._fire, context=context)

    def has_cancelled(self) -> bool:
        """Return whether the cancellation just caught is this timer's own, and take it off the task if so."""
        return self.expired and self._task.uncancel() <= self._cancelling

    def disarm(self) -> None:
        """Let the task be. Safe to call at any time."""
        self._handle.cancel()

    def stop(self) -> None:
        """Cancel the task now, because the process stops."""
        if not self.expired:
            self._stopped = True
            self.disarm()
            self._fire()

    def failure(self) -> Fault:
        """Return the answer to a request that was cancelled."""
        request_id = current_exchange().request_id
        if self._stopped:
            stopped = ServiceUnavailable("The service is restarting. Try again.", internal="stopped before it was done")
            return fault_of(stopped, request_id)
        return Fault(ErrorCode.USER_BAD_REQUEST_REQUEST_TIMEOUT, "Request timeout", request_id=request_id)

    def _fire(self) -> None:
        self.expired = True
        self._task.cancel()
