"""Outermost: a call is given one minute, nothing but a `Fault` leaves it, and the exchange knows what went wrong.

One interceptor for what every failure goes through, because every layer of the chain costs a call that succeeds.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from datetime import timedelta

from connectrpc.errors import ConnectError

from unkey_api.core.errors import AppError
from unkey_api.rpc.errors import Fault, failure_of, unexpected_fault
from unkey_api.rpc.exchange import Exchange, current_exchange
from unkey_api.rpc.first_step import FirstStep
from unkey_api.rpc.interceptors.deadline import Timer
from unkey_api.rpc.interceptors.translation import is_unimplemented, translated, unimplemented
from unkey_api.rpc.method import AnyMessage, Call, Context

PanicHook = Callable[[Exchange, Exception], None]
"""Told about every exception nobody expected; logs it with its stack and counts it."""


class Guard:
    """Cancels a call whose time is up, and turns whatever it raises into a fault. One for all calls of a process.

    Only a call that fails after its deadline is a time-out: one that succeeds late still succeeds. Most calls never
    wait for anything and need no timer. Of an unexpected exception the caller sees one fixed sentence; the original
    reaches only `on_panic`.
    """

    def __init__(self, limit: timedelta, on_panic: PanicHook) -> None:
        self._seconds = limit.total_seconds()
        self._on_panic = on_panic
        # A loop keeps a cancelled timer until its time has come, and the timer its context, which is the request's.
        self._context = contextvars.Context()
        self._waiting: set[Timer] = set()

    def stop(self) -> None:
        """End what still waits, as unavailable: an answer now is better than none at the end of the process."""
        for timer in list(self._waiting):
            timer.stop()

    async def intercept_unary(self, call_next: Call, request: AnyMessage, ctx: Context, /) -> AnyMessage:
        """Run the rest of the chain."""
        timer: Timer | None = None
        try:
            step = FirstStep(call_next(request, ctx))
            if step.finished:
                return step.value
            timer = Timer(self._seconds, self._context)
            self._waiting.add(timer)
            return await step
        except asyncio.CancelledError as err:
            if timer is None or not timer.has_cancelled():
                raise
            raise _noted(timer.failure()) from err
        except Exception as err:
            # In no variable of this frame: the exception would hold the frame and the frame the exception.
            if timer is not None and timer.expired:
                raise _noted(timer.failure()) from err
            if isinstance(err, AppError):
                raise _noted(translated(err)) from err
            if not isinstance(err, ConnectError):
                raise noted_fault(current_exchange(), err, self._on_panic) from err
            if is_unimplemented(err):
                raise _noted(unimplemented()) from err
            _noted(err)
            raise
        finally:
            if timer is not None:
                self._waiting.discard(timer)
                timer.disarm()


def _noted(error: ConnectError) -> ConnectError:
    current_exchange().failure = failure_of(error)
    return error


def noted_fault(exchange: Exchange, error: Exception, on_panic: PanicHook) -> Fault:
    """Report an exception nobody expected, and return what the caller sees of it."""
    on_panic(exchange, error)
    fault = unexpected_fault(exchange.request_id, f"{type(error).__name__}: {error}")
    exchange.failure = failure_of(fault)
    return fault
