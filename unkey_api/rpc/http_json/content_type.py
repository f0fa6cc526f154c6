"""Only JSON bodies are read."""

from __future__ import annotations

from unkey_api.core.errors import ErrorCode, Violation
from unkey_api.core.shortening import shorten
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.exchange import Exchange

_EXPECTED = "application/json"


def require_json(exchange: Exchange) -> None:
    """Raise the documented 400 unless the body is declared as JSON; parameters and letter case do not matter."""
    raw = exchange.header(b"content-type")
    if raw == _EXPECTED or (raw is not None and raw.partition(";")[0].strip().lower() == _EXPECTED):
        return
    shown = shorten(raw or "")
    raise Fault(
        ErrorCode.APPLICATION_INVALID_INPUT,
        f"{exchange.method} operation request content type '{shown}' does not exist",
        request_id=exchange.request_id,
        violations=(
            Violation(
                "requestBody",
                f"The content type '{shown}' of the {exchange.method} request submitted has not been defined, "
                "it's an unknown type",
                "The content type is invalid, Use one of the 1 supported types for this operation: application/json",
            ),
        ),
        plain_json=True,
    )
