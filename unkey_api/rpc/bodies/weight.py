"""How many values a body holds, found out without decoding it and never looking further than needed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from protobuf import DescFieldValueList, DescFieldValueMap, DescFieldValueMessage, DescMessage

SLICE_BYTES = 32_768
"""Of a long text so much is looked at in one go; in between other threads get their turn."""
ESCAPES_PER_VALUE = 10
"""Escaped characters that count as a value. Decoding one takes ten times as long as others, and never pauses."""
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_MARKS = (b",", b"{", b"[")


def json_holds_more(body: bytes, values: int) -> bool:
    """Return whether a JSON text holds more than so many members and elements, objects and lists counted as well.

    Ten times as many escaped characters are more, too.
    """
    found = escapes = 0
    for piece in _pieces(body):
        escapes += piece.count(b"\\")
        if escapes > values * ESCAPES_PER_VALUE:
            return True
        found += sum(map(piece.count, _MARKS))
        if found > values:
            # Marks within strings were counted too; only now it is worth telling them apart.
            return _marks_outside_strings(body, values) > values
    return False


def _pieces(body: bytes) -> Iterator[bytes]:
    if len(body) <= SLICE_BYTES:
        yield body
        return
    for start in range(0, len(body), SLICE_BYTES):
        yield body[start : start + SLICE_BYTES]


def _marks_outside_strings(body: bytes, enough: int) -> int:
    """Count marks until there are enough of them. A loop over the strings would cost ten times as much."""
    found, within, held_back = 0, False, b""
    for piece in _pieces(body):
        text = held_back + piece
        slashes = len(text) - len(text.rstrip(b"\\"))
        # What the last backslash escapes is in the next piece.
        held_back = b"\\" if slashes % 2 else b""
        text = text.removesuffix(held_back)
        if b"\\" in text:
            # Only within strings there are escapes: what holds one elsewhere is not decoded any further than that.
            text = _ESCAPE.sub(b"", text)
        parts = text.split(b'"')
        outside = b"".join(parts[within::2])
        within ^= not len(parts) % 2
        found += sum(map(outside.count, _MARKS))
        if found > enough:
            break
    return found


class BinaryPlan:
    """Which fields of a message are messages themselves, by number."""

    __slots__ = ("_fields",)

    def __init__(self) -> None:
        self._fields: dict[int, BinaryPlan] = {}

    def holds_more(self, body: bytes, values: int) -> bool:
        """Return whether a message of this type has more than so many fields, those of inner messages included.

        Stops at what is no message: the decoder finds that too, and says where.
        """
        found = 0
        open_messages = [(self, 0, len(body))]
        while open_messages:
            plan, position, end = open_messages.pop()
            while position < end:
                found += 1
                if found > values:
                    return True
                key, position = _varint(body, position, end)
                kind = key & 7
                if kind == 2:
                    size, position = _varint(body, position, end)
                    inner = plan._fields.get(key >> 3)
                    if inner is not None:
                        open_messages.append((plan, position + size, end))
                        plan, end = inner, min(position + size, end)
                    else:
                        position += size
                elif kind == 0:
                    _, position = _varint(body, position, end)
                else:
                    position += {1: 8, 5: 4}.get(kind, end)
        return False


def binary_plan(message: DescMessage) -> BinaryPlan:
    """Return the plan of a message type."""
    return _plan(message, {})


def _plan(message: DescMessage, known: dict[str, BinaryPlan]) -> BinaryPlan:
    plan = known.get(message.type_name)
    if plan is None:
        plan = known[message.type_name] = BinaryPlan()
        for field in message.fields:
            value = field.value
            if isinstance(value, DescFieldValueMap):
                entry = plan._fields[field.number] = BinaryPlan()
                if isinstance(value.value, DescMessage):
                    entry._fields[2] = _plan(value.value, known)
                continue
            inner = value.message if isinstance(value, DescFieldValueMessage) else None
            if isinstance(value, DescFieldValueList) and isinstance(value.element, DescMessage):
                inner = value.element
            if inner is not None:
                plan._fields[field.number] = _plan(inner, known)
    return plan


def _varint(body: bytes, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end:
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            break
    return value, end
