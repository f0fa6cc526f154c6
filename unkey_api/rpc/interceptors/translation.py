"""Expected failures become faults with the code, status and text of the catalogue."""

from __future__ import annotations

from connectrpc.code import Code
from connectrpc.errors import ConnectError

from unkey_api.core.errors import AppError, ErrorCode
from unkey_api.rpc.errors import Fault, fault_of
from unkey_api.rpc.exchange import current_exchange
from unkey_api.rpc.method import AnyMessage, Call, Context

NOT_IMPLEMENTED = "This operation is not available in this version of the service."


class FaultTranslation:
    """Translate `AppError`; a method that nobody implements says so in the same form as every other error."""

    async def intercept_unary(self, call_next: Call, request: AnyMessage, ctx: Context, /) -> AnyMessage:
        """Run the rest of the chain."""
        try:
            return await call_next(request, ctx)
        except AppError as err:
            exchange = current_exchange()
            if err.retry_after_seconds is not None:
                exchange.response_headers.append((b"retry-after", b"%d" % err.retry_after_seconds))
            raise fault_of(err, exchange.request_id) from err
        except Fault:
            raise
        except ConnectError as err:
            if err.code is not Code.UNIMPLEMENTED:
                raise
            request_id = current_exchange().request_id
            raise Fault(ErrorCode.APPLICATION_NOT_IMPLEMENTED, NOT_IMPLEMENTED, request_id=request_id) from err
