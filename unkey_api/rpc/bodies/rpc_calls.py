"""Admission of calls on the RPC surface, whose runtime reads bodies by itself."""

from __future__ import annotations

from collections.abc import Mapping

from unkey_api.core.errors import AppError
from unkey_api.rpc.bodies.admission import Admission, too_large
from unkey_api.rpc.errors import Fault, failure_of, fault_of
from unkey_api.rpc.exchange import Event, Exchange, Receive, current_exchange
from unkey_api.rpc.interceptors.guard import PanicHook, noted_fault
from unkey_api.rpc.method import Context

FRAME_BYTES = 5


class CallAdmission:
    """Looks at the head of a call before its body is read. A start interceptor of the runtime, the only one."""

    def __init__(self, admissions: Mapping[str, Admission], on_panic: PanicHook) -> None:
        """Take the admission of each procedure, by its full path."""
        self._admissions = admissions
        self._on_panic = on_panic

    async def on_start(self, ctx: Context) -> None:
        """Check the headers of a Connect or gRPC call."""
        exchange, info = current_exchange(), ctx.method
        admission = self._admissions[f"/{info.service_name}/{info.name}"]
        if admission.is_plain(exchange):
            return
        try:
            await admission.open(exchange)
        except Exception as err:
            raise _kept(exchange, err, self._on_panic) from err

    async def on_end(self, token: None, ctx: Context, error: Exception | None, /) -> None:
        """Note how the call ended, also when it never came as far as the chain."""
        if error is not None:
            exchange = current_exchange()
            exchange.raised = error
            exchange.failure = exchange.failure or failure_of(error)


class CountingReceive:
    """Hands a body to the runtime as far as its caller has earned it."""

    __slots__ = ("_admission", "_on_panic", "_receive", "exchange")

    def __init__(self, exchange: Exchange, receive: Receive, admission: Admission, on_panic: PanicHook) -> None:
        self.exchange: Exchange | None = exchange
        self._receive = receive
        self._admission = admission
        self._on_panic = on_panic

    async def __call__(self) -> Event:
        """Return the next event. Raises a `Fault` in place of what is too much."""
        event = await self._receive()
        exchange = self.exchange
        if exchange is not None and event["type"] == "http.request":
            exchange.request_bytes += len(event.get("body", b""))
            if exchange.request_bytes > self._admission.limits.light_bytes:
                await self._weigh_in(exchange)
        return event

    async def _weigh_in(self, exchange: Exchange) -> None:
        # The frame around a message of gRPC does not count.
        if exchange.request_bytes > self._admission.most + FRAME_BYTES:
            raise _kept(exchange, too_large(exchange, self._admission.most), self._on_panic)
        try:
            await self._admission.weigh_in(exchange)
        except Exception as err:
            raise _kept(exchange, err, self._on_panic) from err


def _kept(exchange: Exchange, error: Exception, on_panic: PanicHook) -> Fault:
    """Return the fault for an exception and note it: the runtime keeps it in a variable and must be made to let go."""
    if isinstance(error, Fault):
        fault = error
    elif isinstance(error, AppError):
        fault = fault_of(error, exchange.request_id)
    else:
        fault = noted_fault(exchange, error, on_panic)
    exchange.raised = fault
    exchange.failure = failure_of(fault)
    return fault
