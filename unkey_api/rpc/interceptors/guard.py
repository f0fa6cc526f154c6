"""Outermost: a call is given one minute, nothing but a `Fault` leaves it, and the state knows what went wrong.

One interceptor for what every failure goes through, because every layer of the chain costs a call that succeeds. Of
the time it costs nothing either, as long as a call waits for nothing: that is what `EagerCall` finds out.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Generator
from datetime import timedelta
from typing import Any, Generic, TypeVar

from connectrpc.code import Code
from connectrpc.errors import ConnectError

from unkey_api.core.errors import AppError, ErrorCode, ServiceUnavailable
from unkey_api.rpc.errors import Fault, failure_of, fault_of, unexpected_fault
from unkey_api.rpc.method import AnyMessage, Call, Context
from unkey_api.rpc.request_state import Receive, RequestState, current_request

T = TypeVar("T")
PanicHook = Callable[[RequestState, Exception], None]
"""Told about every exception nobody expected; logs it with its stack and counts it."""
NOT_IMPLEMENTED = "This operation is not available in this version of the service."


class EagerCall(Generic[T]):
    """A call that has run until it was over or first had to wait.

    Most calls are answered from memory. What only waiting ones need (a deadline, a watch for the client) is set up
    between the first step and the rest, so that the others do not pay for it:

        step = EagerCall(call)
        if step.finished:
            return step.value
        with whatever_waiting_needs():
            return await step

    Everything runs in the caller's own task. Constructing it raises what the call raised in its first step; one that is
    not finished must be awaited, once.
    """

    __slots__ = ("_rest", "_waited_for", "finished", "value")

    def __init__(self, call: Awaitable[T]) -> None:
        self._rest: Generator[Any, Any, T] = call.__await__()  # Any: what passes between a coroutine and the loop
        self.finished = False
        try:
            self._waited_for = next(self._rest)
        except StopIteration as end:
            self.finished = True
            self.value: T = end.value
            """The outcome; only there once finished."""

    def __await__(self) -> Generator[Any, Any, T]:
        """Run the rest. What the loop sends or throws, a cancellation for instance, reaches the call unchanged."""
        rest, waited_for = self._rest, self._waited_for
        try:
            while True:
                try:
                    answer = yield waited_for
                except BaseException as error:  # noqa: BLE001 - handed on, not handled
                    waited_for = rest.throw(error)
                else:
                    waited_for = rest.send(answer)
        except StopIteration as end:
            outcome: T = end.value
            return outcome


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
        request_id = current_request().request_id
        if self._stopped:
            stopped = ServiceUnavailable("The service is restarting. Try again.", internal="stopped before it was done")
            return fault_of(stopped, request_id)
        return Fault(ErrorCode.USER_BAD_REQUEST_REQUEST_TIMEOUT, "Request timeout", request_id=request_id)

    def _fire(self) -> None:
        self.expired = True
        self._task.cancel()


class DisconnectWatch:
    """Cancel the current task when the client hangs up. Costs a task of its own."""

    __slots__ = ("_cancelling", "_left", "_owner", "_receive", "_watcher")

    def __init__(self, receive: Receive) -> None:
        loop = asyncio.get_running_loop()
        owner = asyncio.current_task(loop)
        if owner is None:
            msg = "a watch needs a task to cancel"
            raise RuntimeError(msg)
        self._receive = receive
        self._owner = owner
        self._cancelling = owner.cancelling()
        self._left = False
        self._watcher: asyncio.Task[None] | None = loop.create_task(self._watch(), name="disconnect-watch")

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._owner.cancel()

    def claim(self) -> bool:
        """Return whether the cancellation just caught is this watch's own, and take it off the task if so."""
        return self._left and self._owner.uncancel() <= self._cancelling

    def stop(self) -> None:
        """Stop watching. Safe to call at any time."""
        if self._watcher is not None:
            self._watcher.cancel()
            # The task keeps its cancellation, whose traceback leads here. As a cycle, everything the request held
            # would stay until the garbage collector comes, which takes milliseconds by then.
            self._watcher = None


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
            step = EagerCall(call_next(request, ctx))
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
                raise _noted(_translated(err)) from err
            if not isinstance(err, ConnectError):
                raise noted_fault(current_request(), err, self._on_panic) from err
            if _is_unimplemented(err):
                raise _noted(_unimplemented()) from err
            _noted(err)
            raise
        finally:
            if timer is not None:
                self._waiting.discard(timer)
                timer.disarm()


def _noted(error: ConnectError) -> ConnectError:
    current_request().failure = failure_of(error)
    return error


def noted_fault(state: RequestState, error: Exception, on_panic: PanicHook) -> Fault:
    """Report an exception nobody expected, and return what the caller sees of it."""
    on_panic(state, error)
    fault = unexpected_fault(state.request_id, f"{type(error).__name__}: {error}")
    state.failure = failure_of(fault)
    return fault


def _translated(error: AppError) -> Fault:
    """Return the fault for an expected failure, and tell the caller when to come back if the failure says so."""
    state = current_request()
    if error.retry_after_seconds is not None:
        state.response_headers.append((b"retry-after", b"%d" % error.retry_after_seconds))
    return fault_of(error, state.request_id)


def _is_unimplemented(error: ConnectError) -> bool:
    """Return whether the generated service says that nobody implements a method."""
    return error.code is Code.UNIMPLEMENTED and not isinstance(error, Fault)


def _unimplemented() -> Fault:
    """Return what is said of such a method, in the form of every other error."""
    request_id = current_request().request_id
    return Fault(ErrorCode.APPLICATION_NOT_IMPLEMENTED, NOT_IMPLEMENTED, request_id=request_id)
