"""Every request obeys the rules of its message, on every surface.

Those of `buf.validate`, and two that no message has to write down: names and ids are plain text, in which a control
character is a mistake or an attempt to look like another; and free-form members (`google.protobuf.Struct`) neither nest
without end nor hold numbers that nothing behind us can take.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from protobuf import DescField, DescFieldValueList, DescFieldValueMessage, DescFieldValueScalar, DescMessage, ScalarType
from protovalidate import Validator

from unkey_api.core.errors import ErrorCode, Violation
from unkey_api.core.text import shorten
from unkey_api.rpc.bodies.admission import Admission
from unkey_api.rpc.bodies.budget import DEPTH_MAX, FREE_FORM_CHARS_MAX
from unkey_api.rpc.bodies.json_text import NAME_CHARS_MAX
from unkey_api.rpc.bodies.undecoded import MessageDecoder, Undecoded
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.method import AnyMessage, Call, Context, MethodSpec, field_policy
from unkey_api.rpc.request_state import RequestState, current_request
from unkey_api.rpc.violations import BrokenRules, broken_rules, explain, field_rules

STRUCT = "google.protobuf.Struct"
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Unicode's category Cc without tab, line feed and carriage return."""


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
        state = current_request()
        sent: object = request  # the RPC surface hands over what it has not decoded in place of a message
        if type(sent) is Undecoded:
            request = await self._decoder.decode(state, sent)
        if state.share is None:
            self._check(state, request)
        else:
            await self._admission.run(state, partial(self._check, state, request))
        return await call_next(request, ctx)

    def _check(self, state: RequestState, request: AnyMessage) -> None:
        if self._free_form is not None:
            refused = self._free_form.refused(request)
            if refused is not None:
                state.body_valid = False
                raise schema_fault(state, (refused,))
        try:
            refused = self._plain_text.refused(request)
            thorough = state.share is None
            found = None if refused else self._validator.collect_violations(request, fail_fast=not thorough)
        except ValueError as err:
            # What the decoder keeps of members it does not know is more than the validator can read.
            state.body_valid = False
            raise schema_fault(state, (Violation("requestBody", "The message cannot be read"),)) from err
        if refused is not None:
            state.body_valid = False
            raise schema_fault(state, (refused,), complete=False)
        if found:
            raise self._refused(state, broken_rules(found, request, thorough=thorough), request)

    def _refused(self, state: RequestState, broken: BrokenRules, request: AnyMessage) -> Fault:
        state.body_valid = False
        # Over HTTP/JSON the decoder has already refused bodies that lack a required member.
        violations = explain(broken, request, absent_is_zero=state.http_json)
        if state.http_json and self._body_pointer:
            # The whole body is this one field, so the schema's root is the field's.
            violations = tuple(replace(v, location=v.location.removeprefix(self._body_pointer)) for v in violations)
        return schema_fault(state, violations, complete=broken.complete)


def schema_fault(state: RequestState, violations: tuple[Violation, ...], *, complete: bool = True) -> Fault:
    """Return the answer to a body that does not follow its schema. `complete`: there is nothing else wrong with it."""
    return Fault(
        ErrorCode.APPLICATION_INVALID_INPUT,
        f"{state.method} request body for '{state.path}' failed to validate schema"
        + ("" if complete else ". It was not checked to its end"),
        request_id=state.request_id,
        violations=violations,
        plain_json=True,
    )


class PlainText:
    """The texts of one message type that may hold no control character, compiled from its descriptor.

    Left out are those that may hold anything, by the field's policy, and those whose pattern says what they may hold.
    """

    __slots__ = ("_inner", "_lists", "_texts")

    def __init__(self, message: DescMessage) -> None:
        self._texts: list[tuple[str, str]] = []
        self._lists: list[tuple[str, str]] = []
        self._inner: list[tuple[str, str, bool, PlainText]] = []
        for field in message.fields:
            name = f"/properties/{field.json_name}"
            match field.value:
                case DescFieldValueScalar(scalar=ScalarType.STRING) if _is_plain(field):
                    self._texts.append((field.local_name, name))
                case DescFieldValueList(element=ScalarType.STRING) if _is_plain(field):
                    self._lists.append((field.local_name, f"{name}/items"))
                case DescFieldValueMessage(message=inner):
                    self._add(field.local_name, name, inner, message, is_list=False)
                case DescFieldValueList(element=DescMessage() as inner):
                    self._add(field.local_name, f"{name}/items", inner, message, is_list=True)
                case _:
                    pass

    def _add(self, member: str, pointer: str, inner: DescMessage, message: DescMessage, *, is_list: bool) -> None:
        if inner.type_name == message.type_name or inner.type_name.startswith("google.protobuf."):
            return
        below = PlainText(inner)
        if not below.is_empty:
            self._inner.append((member, pointer, is_list, below))

    @property
    def is_empty(self) -> bool:
        """Whether messages of this type have no such text anywhere."""
        return not (self._texts or self._lists or self._inner)

    def refused(self, message: AnyMessage, pointer: str = "") -> Violation | None:
        """Return the first control character."""
        for name, below in self._texts:
            text: str = getattr(message, name)
            if not text.isprintable() and (found := CONTROL.search(text)):
                return _violation(pointer + below, found)
        for name, below in self._lists:
            for text in getattr(message, name):
                if not text.isprintable() and (found := CONTROL.search(text)):
                    return _violation(pointer + below, found)
        return _refused_below(self._inner, message, pointer)


class _Plan(Protocol):
    """What looks through messages of one type."""

    def refused(self, message: AnyMessage, pointer: str = "") -> Violation | None: ...


def _refused_below(
    inner: Sequence[tuple[str, str, bool, _Plan]], message: AnyMessage, pointer: str
) -> Violation | None:
    """Return the first violation in the messages that a message holds.

    Args:
        inner: For each member that holds some: its name, its pointer, whether it is a list, what looks through it.
        message: Holds them.
        pointer: Where it is in the body.
    """
    for name, below, is_list, plan in inner:
        value = getattr(message, name)
        for item in value if is_list else () if value is None else (value,):
            violation = plan.refused(item, pointer + below)
            if violation is not None:
                return violation
    return None


def _is_plain(field: DescField) -> bool:
    if field_policy(field).any_text:
        return False
    rules = field_rules(field)
    if rules is not None and rules.type is not None and rules.type.field == "repeated":
        rules = rules.type.value.items
    if rules is None or rules.type is None or rules.type.field != "string":
        return True
    return not rules.type.value.has_field("pattern")


def _violation(pointer: str, found: re.Match[str]) -> Violation:
    where = f"U+{ord(found[0]):04X} at position {found.start()}"
    return Violation(f"{pointer}/pattern", f"must not contain control characters, got {where}", "Take it out.")


class FreeForm:
    """The free-form members of one message type, compiled from its descriptor."""

    __slots__ = ("_inner", "_structs")

    def __init__(self, message: DescMessage) -> None:
        self._structs: list[tuple[str, str]] = []
        self._inner: list[tuple[str, str, bool, FreeForm]] = []
        for field in message.fields:
            value, name = field.value, f"/properties/{field.json_name}"
            is_list = isinstance(value, DescFieldValueList)
            inner = value.element if isinstance(value, DescFieldValueList) else getattr(value, "message", None)
            if not isinstance(inner, DescMessage):
                continue
            if inner.type_name == STRUCT and isinstance(value, DescFieldValueMessage):
                self._structs.append((field.local_name, name))
            elif inner.type_name != message.type_name:
                below = FreeForm(inner)
                if not below.is_empty:
                    self._inner.append((field.local_name, f"{name}/items" if is_list else name, is_list, below))

    @property
    def is_empty(self) -> bool:
        """Whether messages of this type have no free-form member anywhere."""
        return not (self._structs or self._inner)

    def refused(self, message: AnyMessage, pointer: str = "") -> Violation | None:
        """Return the first thing that is nested too deeply, or no number, or that there is far too much text."""
        for name, below in self._structs:
            struct = getattr(message, name)
            if struct is not None and struct.fields:
                violation = _refused_in(struct, pointer + below)
                if violation is not None:
                    return violation
        return _refused_below(self._inner, message, pointer)


def _refused_in(struct: Any, pointer: str) -> Violation | None:  # a Struct
    # Without a pointer per value: it is only made, in a second pass, for what is refused.
    pending = [(struct, 1)]
    chars = 0
    while pending:
        container, depth = pending.pop()
        if depth > DEPTH_MAX:
            return Violation(f"{pointer}/maxDepth", f"nested more than {DEPTH_MAX} levels deep")
        for key, value in _members(container):
            kind = value.kind
            if kind is None:
                continue
            chars += _chars(key) + _chars(kind.value)
            if chars > FREE_FORM_CHARS_MAX:
                return Violation(f"{pointer}/maxLength", f"holds more than {FREE_FORM_CHARS_MAX} characters")
            if kind.field == "number_value":
                if not math.isfinite(kind.value):
                    return Violation(
                        f"{pointer}/properties/{shorten(str(key), NAME_CHARS_MAX)}/type",
                        f"got {kind.value}, want a finite number",
                    )
            elif kind.field in ("struct_value", "list_value"):
                pending.append((kind.value, depth + 1))
    return None


def _chars(value: object) -> int:
    return len(value) if type(value) is str else 0


def _members(container: Any) -> Iterator[tuple[object, Any]]:  # a Struct or a ListValue
    fields = getattr(container, "fields", None)
    return iter(fields.items()) if fields is not None else iter(enumerate(container.values))
