"""Outermost: nothing but a `Fault` leaves the chain, and the exchange knows what went wrong."""

from __future__ import annotations

from collections.abc import Callable

from connectrpc.errors import ConnectError

from unkey_api.rpc.errors import unexpected_fault
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
            current_exchange().failure = err
            raise
        except Exception as err:
            exchange = current_exchange()
            self._on_panic(exchange, err)
            fault = unexpected_fault(exchange.request_id, f"{type(err).__name__}: {err}")
            exchange.failure = fault
            raise fault from err
