"""Answers and failures as JSON, the way the HTTP/JSON surface promises them.

Unlike ProtoJSON, 64-bit integers are numbers, fields marked `present` are always there, and an unset field that is both
`present` and `nullable` is `null`. The plan for each message type is compiled once from its descriptor. Failures are
`{meta, error}`.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import orjson
from protobuf import DescField, DescFieldValueList, DescFieldValueMap, DescFieldValueMessage, DescMessage

from unkey_api.core.errors import ErrorCode
from unkey_api.core.text import shorten
from unkey_api.rpc.errors import ERRORS, VIOLATION_CHARS, ErrorEntry, Fault
from unkey_api.rpc.method import AnyMessage, field_policy

Encoder = Callable[[Any], Any]
"""Turns one field value into something a JSON library writes."""


class MessageEncoder:
    """Turns messages of one type into dictionaries."""

    __slots__ = ("_plan",)

    def __init__(self) -> None:
        self._plan: tuple[tuple[str, str, bool, bool, bool, Encoder | None], ...] = ()

    def fill(self, message: DescMessage, known: dict[str, MessageEncoder]) -> None:
        """Read the descriptor. Apart from the constructor, since messages may contain themselves."""
        plan = []
        for field in message.fields:
            policy = field_policy(field)
            if policy.hidden:
                continue
            explicit = field.presence.name == "EXPLICIT" and not isinstance(field.value, DescFieldValueMessage)
            plan.append(
                (field.json_name, field.local_name, explicit, policy.present, policy.nullable, _encoder(field, known))
            )
        self._plan = tuple(plan)

    def __call__(self, message: AnyMessage) -> dict[str, Any]:
        """Return the JSON object of `message`."""
        out: dict[str, Any] = {}
        for name, attribute, explicit, present, nullable, encode in self._plan:
            value = getattr(message, attribute)
            if value:  # anything but a zero is set, which spares asking
                out[name] = value if encode is None else encode(value)
                continue
            if value is None or (explicit and not message.has_field(attribute)):
                if not present:
                    continue
                value = None if nullable or value is None else value
            elif not (value or explicit or present) and (encode is None or type(value) in (list, dict)):
                continue
            if value is not None and encode is not None:
                value = encode(value)
            out[name] = value
        return out


EXACT = 2.0**53
"""Up to here every whole number is itself as a double. Beyond, digits would be made up, and writers of JSON refuse."""


def compile_encoder(message: DescMessage) -> MessageEncoder:
    """Return the encoder of an answer message."""
    return _message_encoder(message, {})


def compile_field_encoder(message: DescMessage, field_name: str) -> Encoder:
    """Return an encoder of one field of an answer, for methods whose `data` is that field."""
    field = next(f for f in message.fields if f.name == field_name)
    encode = _encoder(field, {})
    attribute = field.local_name
    if encode is None:
        return lambda answer: getattr(answer, attribute)
    return lambda answer: encode(getattr(answer, attribute))


def _message_encoder(message: DescMessage, known: dict[str, MessageEncoder]) -> MessageEncoder:
    encoder = known.get(message.type_name)
    if encoder is None:
        encoder = known[message.type_name] = MessageEncoder()
        encoder.fill(message, known)
    return encoder


def _encoder(field: DescField, known: dict[str, MessageEncoder]) -> Encoder | None:
    value = field.value
    if isinstance(value, DescFieldValueMessage):
        return _element_encoder(value.message, known)
    if isinstance(value, DescFieldValueList) and isinstance(value.element, DescMessage):
        each = _element_encoder(value.element, known)
        return lambda items: [each(item) for item in items]
    if isinstance(value, DescFieldValueMap) and isinstance(value.value, DescMessage):
        inner = _element_encoder(value.value, known)
        return lambda items: {key: inner(item) for key, item in items.items()}
    return None


def _element_encoder(message: DescMessage, known: dict[str, MessageEncoder]) -> Encoder:
    if message.type_name == "google.protobuf.Struct":
        return struct_to_json
    return _message_encoder(message, known)


def struct_to_json(struct: Any) -> dict[str, Any]:  # google.protobuf.Struct, whose members are any JSON
    """Return the plain dictionary of a `google.protobuf.Struct`; whole numbers become integers."""
    return {name: _value_to_json(value) for name, value in sorted(struct.fields.items())}


def _value_to_json(value: Any) -> Any:  # google.protobuf.Value is any JSON
    kind = value.kind
    if kind is None or kind.field == "null_value":
        return None
    if kind.field == "struct_value":
        return struct_to_json(kind.value)
    if kind.field == "list_value":
        return [_value_to_json(item) for item in kind.value.values]
    if kind.field == "number_value" and kind.value.is_integer() and abs(kind.value) <= EXACT:
        return int(kind.value)
    return kind.value


JSON = b"application/json"
PROBLEM_JSON = b"application/problem+json"
_WITH_VIOLATIONS = frozenset({400, 408, 413, 499})
_EARLY = {
    408: ErrorCode.USER_BAD_REQUEST_REQUEST_TIMEOUT,
    500: ErrorCode.APPLICATION_UNEXPECTED_ERROR,
    503: ErrorCode.APPLICATION_SERVICE_UNAVAILABLE,
}
_PROBLEM_ACCEPTING = frozenset({"application/problem+json", "application/*", "*/*"})


def fault_body(fault: Fault, request_id: str) -> bytes:
    """Return the body of a failure."""
    entry = fault.entry
    told = f" (the first {len(fault.violations)} of {len(fault.violations) + fault.omitted} errors are listed)"
    error: dict[str, Any] = {
        "title": entry.title,
        "detail": fault.public + told if fault.omitted else fault.public,
        "status": entry.status,
        "type": entry.type,
    }
    if entry.status in _WITH_VIOLATIONS:
        error["errors"] = [
            {
                "location": shorten(v.location, VIOLATION_CHARS),
                "message": shorten(v.message, VIOLATION_CHARS),
                **({"fix": v.fix} if v.fix else {}),
            }
            for v in fault.violations
        ]
    return orjson.dumps({"meta": {"requestId": request_id}, "error": error})


def early_entry(status: int) -> ErrorEntry:
    """Return what a request failed with that the protocol itself refused, before any operation was found."""
    return ERRORS[_EARLY.get(status, ErrorCode.APPLICATION_INVALID_INPUT)]


def early_body(status: int, text: str, request_id: str) -> bytes:
    """Return the body of such a failure. Its status may be one that no operation has."""
    title, kind = HTTPStatus(status).phrase, early_entry(status).type
    error: dict[str, Any] = {"title": title, "detail": text, "status": status, "type": kind}
    if status in _WITH_VIOLATIONS:
        error["errors"] = [{"location": "request", "message": text}]
    return orjson.dumps({"meta": {"requestId": request_id}, "error": error})


def fault_content_type(fault: Fault, accept: str | None) -> bytes:
    """Return `application/problem+json` for a caller that takes it, `application/json` otherwise (RFC 9457)."""
    if fault.plain_json or not accept:
        return JSON
    ranges = {item.partition(";")[0].strip().lower() for item in accept.split(",")}
    return PROBLEM_JSON if ranges & _PROBLEM_ACCEPTING else JSON
