"""Expected failures become faults with the code, status and text of the catalogue."""

from __future__ import annotations

from connectrpc.code import Code
from connectrpc.errors import ConnectError

from unkey_api.core.errors import AppError, ErrorCode
from unkey_api.rpc.errors import Fault, fault_of
from unkey_api.rpc.exchange import current_exchange

NOT_IMPLEMENTED = "This operation is not available in this version of the service."


def translated(error: AppError) -> Fault:
    """Return the fault for an expected failure, and tell the caller when to come back if the failure says so."""
    exchange = current_exchange()
    if error.retry_after_seconds is not None:
        exchange.response_headers.append((b"retry-after", b"%d" % error.retry_after_seconds))
    return fault_of(error, exchange.request_id)


def is_unimplemented(error: ConnectError) -> bool:
    """Return whether the generated service says that nobody implements a method."""
    return error.code is Code.UNIMPLEMENTED and not isinstance(error, Fault)


def unimplemented() -> Fault:
    """Return what is said of such a method, in the form of every other error."""
    request_id = current_exchange().request_id
    return Fault(ErrorCode.APPLICATION_NOT_IMPLEMENTED, NOT_IMPLEMENTED, request_id=request_id)
