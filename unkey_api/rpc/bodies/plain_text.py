"""Names and ids are plain text: a control character in one is a mistake, or an attempt to look like another."""

from __future__ import annotations

import re

from protobuf import DescField, DescFieldValueList, DescFieldValueMessage, DescFieldValueScalar, DescMessage, ScalarType

from unkey_api.core.errors import Violation
from unkey_api.rpc.method import AnyMessage, field_policy
from unkey_api.rpc.violations import field_rules

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Unicode's category Cc without tab, line feed and carriage return."""


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
        for name, below, is_list, plan in self._inner:
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
