"""Every request obeys the `buf.validate` rules of its message, on every surface."""

from __future__ import annotations

from dataclasses import replace

import protovalidate
from protovalidate import Validator

from unkey_api.core.errors import ErrorCode, Violation
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.exchange import Exchange, current_exchange
from unkey_api.rpc.method import AnyMessage, Call, Context
from unkey_api.rpc.violations import explain


class Validation:
    """Refuse a message that breaks a rule, naming each rule and value."""

    def __init__(self, validator: Validator, body_field: str = "") -> None:
        self._validator = validator
        self._body_pointer = f"/properties/{body_field}" if body_field else ""

    async def intercept_unary(self, call_next: Call, request: AnyMessage, ctx: Context, /) -> AnyMessage:
        """Run the rest of the chain."""
        broken = self._validator.collect_violations(request)
        if broken:
            raise self._refused(broken, request)
        return await call_next(request, ctx)

    def _refused(self, broken: list[protovalidate.Violation], request: AnyMessage) -> Fault:
        exchange = current_exchange()
        exchange.body_valid = False
        # Over HTTP/JSON the decoder has already refused bodies that lack a required member.
        violations = explain(broken, request, absent_is_zero=exchange.http_json)
        if exchange.http_json and self._body_pointer:
            # The whole body is this one field, so the schema's root is the field's.
            violations = tuple(replace(v, location=v.location.removeprefix(self._body_pointer)) for v in violations)
        return schema_fault(exchange, violations)


def schema_fault(exchange: Exchange, violations: tuple[Violation, ...]) -> Fault:
    """Return the answer to a body that does not follow its schema."""
    return Fault(
        ErrorCode.APPLICATION_INVALID_INPUT,
        f"{exchange.method} request body for '{exchange.path}' failed to validate schema",
        request_id=exchange.request_id,
        violations=violations,
        plain_json=True,
    )
