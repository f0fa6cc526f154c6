"""ProtoJSON where the runtime reads more into it than its specification says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from protobuf import DescField, DescFieldValueList, DescFieldValueMap, DescFieldValueMessage, DescMessage, ScalarType

from unkey_api.core.errors import Violation
from unkey_api.core.text import shorten

_INTEGERS = frozenset({ScalarType.INT64, ScalarType.INT32, ScalarType.UINT64, ScalarType.UINT32})
_QUOTED_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?", re.ASCII)
_QUOTED_CHARS = 40  # of a refused value

Check = Callable[[Any, str, list[Violation]], None]


class IntegerCheck:
    """Finds integers in quotes that are not written like numbers of JSON: `1_000`, `+1`, `0x1`, other digits.

    One per message type, compiled from its descriptor; members it knows nothing of cost nothing.
    """

    __slots__ = ("_members",)

    def __init__(self) -> None:
        self._members: dict[str, Check] = {}

    def fill(self, message: DescMessage, known: dict[str, IntegerCheck]) -> None:
        """Read the descriptor. Apart from the constructor, since messages may contain themselves."""
        for field in message.fields:
            check = _check_of(field, known)
            if check is not None:
                self._members[field.json_name] = self._members[field.name] = check

    def __call__(self, value: Any, pointer: str, found: list[Violation]) -> None:  # any JSON
        """Note what is wrong with an object."""
        if type(value) is dict:
            for name, check in self._members.items():
                if name in value:
                    check(value[name], f"{pointer}/properties/{name}", found)

    @property
    def is_empty(self) -> bool:
        """Whether there is no integer in messages of this type."""
        return not self._members


def integer_check(message: DescMessage) -> IntegerCheck:
    """Return the check of a request message."""
    return _message_check(message, {})


def _message_check(message: DescMessage, known: dict[str, IntegerCheck]) -> IntegerCheck:
    check = known.get(message.type_name)
    if check is None:
        check = known[message.type_name] = IntegerCheck()
        if not message.type_name.startswith("google.protobuf."):
            check.fill(message, known)
    return check


def _check_of(field: DescField, known: dict[str, IntegerCheck]) -> Check | None:
    value = field.value
    if isinstance(value, DescFieldValueMessage):
        return _unless_empty(_message_check(value.message, known))
    if isinstance(value, DescFieldValueList):
        each = _element_check(value.element, known)
        return _each_item(each) if each else None
    if isinstance(value, DescFieldValueMap):
        each = _element_check(value.value, known)
        return _each_value(each) if each else None
    return _element_check(getattr(value, "scalar", None), known)


def _element_check(element: object, known: dict[str, IntegerCheck]) -> Check | None:
    if isinstance(element, DescMessage):
        return _unless_empty(_message_check(element, known))
    return _integer if element in _INTEGERS else None


def _unless_empty(check: IntegerCheck) -> Check | None:
    return None if check.is_empty else check


def _each_item(check: Check) -> Check:
    def each(value: Any, pointer: str, found: list[Violation]) -> None:  # any JSON
        if type(value) is list:
            for item in value:
                check(item, f"{pointer}/items", found)

    return each


def _each_value(check: Check) -> Check:
    def each(value: Any, pointer: str, found: list[Violation]) -> None:  # any JSON
        if type(value) is dict:
            for item in value.values():
                check(item, f"{pointer}/additionalProperties", found)

    return each


def _integer(value: Any, pointer: str, found: list[Violation]) -> None:  # any JSON
    if type(value) is str and not _QUOTED_INTEGER.fullmatch(value):
        found.append(Violation(f"{pointer}/type", f"got string '{shorten(value, _QUOTED_CHARS)}', want integer"))
