"""Every request obeys the `buf.validate` rules of its message, on every surface."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from protovalidate import Validator

from unkey_api.core.errors import ErrorCode, Violation
from unkey_api.rpc.bodies.admission import Admission
from unkey_api.rpc.bodies.free_form import FreeForm
from unkey_api.rpc.bodies.plain_text import PlainText
from unkey_api.rpc.bodies.undecoded import MessageDecoder, Undecoded
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.exchange import Exchange, current_exchange
from unkey_api.rpc.method import AnyMessage, Call, Context, MethodSpec
from unkey_api.rpc.violations import BrokenRules, broken_rules, explain


class Validation:
    """Refuse a message that breaks a rule, naming rules and values. One that is not decoded yet is decoded first."""

    def __init__(self, spec: MethodSpec, validator: Validator, admission: Admission) -> None:
        free_form = FreeForm(spec.info.input.desc())
        self._free_form = None if free_form.is_empty else free_form
        self._plain_text = PlainText(spec.info.input.desc())
        self._validator = validator
        self._admission = admission
        self._decoder = MessageDecoder(spec, admission)
        self._body_pointer = f"/properties/{spec.body_field}" if spec.body_field else ""

    async def intercept_unary(self, call_next: Call, request: AnyMessage, ctx: Context, /) -> AnyMessage:
        """Run the rest of the chain."""
        exchange = current_exchange()
        sent: object = request  # the RPC surface hands over what it has not decoded in place of a message
        if type(sent) is Undecoded:
            request = await self._decoder.decode(exchange, sent)
        if exchange.share is None:
            self._check(exchange, request)
        else:
            await self._admission.run(exchange, partial(self._check, exchange, request))
        return await call_next(request, ctx)

    def _check(self, exchange: Exchange, request: AnyMessage) -> None:
        if self._free_form is not None:
            refused = self._free_form.refused(request)
            if refused is not None:
                exchange.body_valid = False
                raise schema_fault(exchange, (refused,))
        try:
            refused = self._plain_text.refused(request)
            thorough = exchange.share is None
            found = None if refused else self._validator.collect_violations(request, fail_fast=not thorough)
        except ValueError as err:
            # What the decoder keeps of members it does not know is more than the validator can read.
            exchange.body_valid = False
            raise schema_fault(exchange, (Violation("requestBody", "The message cannot be read"),)) from err
        if refused is not None:
            exchange.body_valid = False
            raise schema_fault(exchange, (refused,), complete=False)
        if found:
            raise self._refused(exchange, broken_rules(found, request, thorough=thorough), request)

    def _refused(self, exchange: Exchange, broken: BrokenRules, request: AnyMessage) -> Fault:
        exchange.body_valid = False
        # Over HTTP/JSON the decoder has already refused bodies that lack a required member.
        violations = explain(broken, request, absent_is_zero=exchange.http_json)
        if exchange.http_json and self._body_pointer:
            # The whole body is this one field, so the schema's root is the field's.
            violations = tuple(replace(v, location=v.location.removeprefix(self._body_pointer)) for v in violations)
        return schema_fault(exchange, violations, complete=broken.complete)


def schema_fault(exchange: Exchange, violations: tuple[Violation, ...], *, complete: bool = True) -> Fault:
    """Return the answer to a body that does not follow its schema. `complete`: there is nothing else wrong with it."""
    return Fault(
        ErrorCode.APPLICATION_INVALID_INPUT,
        f"{exchange.method} request body for '{exchange.path}' failed to validate schema"
        + ("" if complete else ". It was not checked to its end"),
        request_id=exchange.request_id,
        violations=violations,
        plain_json=True,
    )
