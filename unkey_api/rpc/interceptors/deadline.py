"""A request is given one minute."""

from __future__ import annotations

import asyncio
import contextvars

from unkey_api.core.errors import ErrorCode
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.exchange import current_exchange


class Timer:
    """Cancels the current task once, that many seconds from now."""

    __slots__ = ("_cancelling", "_handle", "_task", "expired")

    def __init__(self, seconds: float, context: contextvars.Context) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            msg = "a deadline needs a task to cancel"
            raise RuntimeError(msg)
        self._task = task
        self._cancelling = task.cancelling()
        self.expired = False
        """Whether the time is up."""
        self._handle = loop.call_later(seconds, self._fire, context=context)

    def has_cancelled(self) -> bool:
        """Return whether the cancellation just caught is this timer's own, and take it off the task if so."""
        return self.expired and self._task.uncancel() <= self._cancelling

    def disarm(self) -> None:
        """Let the task be. Safe to call at any time."""
        self._handle.cancel()

    def _fire(self) -> None:
        self.expired = True
        self._task.cancel()


def timed_out() -> Fault:
    """Return the answer to a request that took too long."""
    return Fault(
        ErrorCode.USER_BAD_REQUEST_REQUEST_TIMEOUT, "Request timeout", request_id=current_exchange().request_id
    )
