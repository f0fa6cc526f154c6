"""Outermost: nothing but a `Fault` leaves the chain, and the exchange knows what went wrong."""

from __future__ import annotations

from collections.abc import Callable

from connectrpc.errors import ConnectError

from unkey_api.rpc.errors import Fault, failure_of, unexpected_fault
from unkey_api.rpc.exchange import Exchange, current_exchange
from unkey_api.rpc.method import AnyMessage, Call, Context

PanicHook = Callable[[Exchange, Exception], None]
"""Told about every exception nobody expected; logs it with its stack and counts it."""


class Recovery:
    """Turn an unexpected exception into one fixed sentence; the original reaches only `on_panic`."""

    def __init__(self, on_panic: PanicHook) -> None:
        self._on_panic = on_panic

    async def intercept_unary(self, call_next: Call, request: AnyMessage, ctx: Context, /) -> AnyMessage:
        """Run the rest of the chain."""
        try:
            return await call_next(request, ctx)
        except ConnectError as err:
            current_exchange().failure = failure_of(err)
            raise
        except Exception as err:
            exchange = current_exchange()
            # In no variable of this frame: the exception would hold the frame and the frame the exception.
            raise noted_fault(exchange, err, self._on_panic) from err


def noted_fault(exchange: Exchange, error: Exception, on_panic: PanicHook) -> Fault:
    """Report an exception nobody expected, and return what the caller sees of it."""
    on_panic(exchange, error)
    fault = unexpected_fault(exchange.request_id, f"{type(error).__name__}: {error}")
    exchange.failure = failure_of(fault)
    return fault
