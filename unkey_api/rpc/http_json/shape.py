"""Strict JSON shape of a message: which members, of which types, null or not.

ProtoJSON is lenient where the published schema is not: it takes numbers as strings, either spelling of a name, and null
for anything. A shape, compiled once from the descriptor, decides what the schema decides and names every deviation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from protobuf import (
    DescField,
    DescFieldValueEnum,
    DescFieldValueList,
    DescFieldValueMap,
    DescFieldValueMessage,
    DescMessage,
    ScalarType,
)
from unkey_proto.unkey.options.v1 import options_pb

from unkey_api.core.errors import Violation
from unkey_api.core.text import shorten
from unkey_api.rpc.method import field_policy
from unkey_api.rpc.violations import field_rules, max_items

_INTEGERS = {
    ScalarType.INT64: (-(2**63), 2**63 - 1),
    ScalarType.INT32: (-(2**31), 2**31 - 1),
    ScalarType.UINT64: (0, 2**64 - 1),
    ScalarType.UINT32: (0, 2**32 - 1),
}
_JSON_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


VIOLATIONS_ENOUGH = 100
"""After so many deviations nobody looks for more."""
NAMES_MAX = 10  # of unknown members in one violation
NAME_CHARS_MAX = 64


class ShapeErrors:
    """What a check found: deviations, and nulls with a meaning of their own."""

    __slots__ = ("ignored", "nulls", "violations")

    @property
    def complete(self) -> bool:
        """Whether the check went to the end."""
        return len(self.violations) < VIOLATIONS_ENOUGH

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.nulls: list[tuple[dict[str, Any], str]] = []
        """Object that collects the null (the nearest with `nullFields`) and the path below it."""
        self.ignored: list[tuple[dict[str, Any], list[str]]] = []
        """Objects and their members that do not count. The decoder knows some by other names, so they must go."""


class JsonShape(Protocol):
    """Something a JSON value can be."""

    name: str

    def check(self, value: Any, pointer: str, found: ShapeErrors, owner: tuple[dict[str, Any], str]) -> None:
        """Record how `value` deviates. `owner` collects nulls: an object and the path from it to here."""
        ...


class PlainShape:
    """A string, a boolean or a number."""

    __slots__ = ("accepts", "name")

    def __init__(self, name: str, accepts: tuple[type, ...]) -> None:
        self.name = name
        self.accepts = accepts
        """Exactly these types; a boolean is not a number here."""

    def check(self, value: Any, pointer: str, found: ShapeErrors, owner: tuple[dict[str, Any], str]) -> None:
        """Compare the exact type."""
        if type(value) not in self.accepts:
            found.violations.append(_mismatch(pointer, value, self.name))


class IntegerShape:
    """A whole number, written without a fraction, that the field can hold."""

    __slots__ = ("_least", "_most", "name")

    def __init__(self, least: int, most: int) -> None:
        self.name = "integer"
        self._least = least
        self._most = most

    def check(self, value: Any, pointer: str, found: ShapeErrors, owner: tuple[dict[str, Any], str]) -> None:
        """Check type and range; narrower ranges are rules of the message and checked later."""
        if type(value) is not int:
            found.violations.append(_mismatch(pointer, value, self.name))
        elif value > self._most:
            found.violations.append(Violation(f"{pointer}/maximum", f"maximum: got {value}, want {self._most}"))
        elif value < self._least:
            found.violations.append(Violation(f"{pointer}/minimum", f"minimum: got {value}, want {self._least}"))


class AnyObjectShape:
    """A free-form object, such as `meta`."""

    __slots__ = ("name",)

    def __init__(self) -> None:
        self.name = "object"

    def check(self, value: Any, pointer: str, found: ShapeErrors, owner: tuple[dict[str, Any], str]) -> None:
        """Anything goes inside."""
        if type(value) is not dict:
            found.violations.append(_mismatch(pointer, value, self.name))


class ArrayShape:
    """A list of one shape."""

    __slots__ = ("_items", "_most", "name")

    def __init__(self, items: JsonShape, most: int | None = None) -> None:
        self.name = "array"
        self._items = items
        self._most = most

    def check(self, value: Any, pointer: str, found: ShapeErrors, owner: tuple[dict[str, Any], str]) -> None:
        """Check every item; deviations of different items at one place are reported once each."""
        if type(value) is not list:
            found.violations.append(_mismatch(pointer, value, self.name))
            return
        if self._most is not None and len(value) > self._most:
            found.violations.append(Violation(f"{pointer}/maxItems", f"maxItems: got {len(value)}, want {self._most}"))
            return
        below = f"{pointer}/items"
        for item in value:
            self._items.check(item, below, found, owner)
            if found.violations and not found.complete:
                return


class MapShape:
    """An object whose values all have one shape."""

    __slots__ = ("_values", "name")

    def __init__(self, values: JsonShape) -> None:
        self.name = "object"
        self._values = values

    def check(self, value: Any, pointer: str, found: ShapeErrors, owner: tuple[dict[str, Any], str]) -> None:
        """Check every value."""
        if type(value) is not dict:
            found.violations.append(_mismatch(pointer, value, self.name))
            return
        for item in value.values():
            self._values.check(item, f"{pointer}/additionalProperties", found, owner)
            if found.violations and not found.complete:
                return


class ObjectShape:
    """A message."""

    __slots__ = (
        "_collects_nulls",
        "_empty_clears",
        "_fields",
        "_ignore_unknown",
        "_nullable",
        "_plain",
        "_required",
        "name",
    )

    def __init__(self) -> None:
        self.name = "object"
        self._fields: Mapping[str, JsonShape] = {}
        self._plain: Mapping[str, tuple[type, ...]] = {}
        self._nullable: frozenset[str] = frozenset()
        self._empty_clears: frozenset[str] = frozenset()
        self._required: frozenset[str] = frozenset()
        self._ignore_unknown = False
        self._collects_nulls = False

    def fill(self, message: DescMessage, known: dict[str, ObjectShape]) -> None:
        """Read the descriptor. Apart from the constructor, since messages may contain themselves."""
        visible = [f for f in message.fields if not field_policy(f).hidden]
        self._fields = {f.json_name: _shape_of_field(f, known) for f in visible}
        self._plain = {n: s.accepts for n, s in self._fields.items() if isinstance(s, PlainShape)}
        self._nullable = frozenset(f.json_name for f in visible if field_policy(f).nullable)
        self._empty_clears = frozenset(f.json_name for f in visible if field_policy(f).empty_clears)
        self._required = frozenset(f.json_name for f in visible if _is_required(f))
        self._collects_nulls = any(f.name == "null_fields" for f in message.fields)
        options = message.proto.options
        if options is not None and options_pb.ext_message in options:
            self._ignore_unknown = options[options_pb.ext_message].ignore_unknown

    def check(self, value: Any, pointer: str, found: ShapeErrors, owner: tuple[dict[str, Any], str]) -> None:
        """Check members against the fields."""
        if type(value) is not dict:
            found.violations.append(_mismatch(pointer, value, "object"))
            return
        if self._collects_nulls:
            owner = (value, "")
        unknown: list[str] = []
        for name, member in value.items():
            if type(member) in self._plain.get(name, ()):
                continue  # what nearly every member is: nothing to say, so nobody needs to know where it is
            shape = self._fields.get(name)
            if shape is None:
                unknown.append(name)
            else:
                if self._clears(name, member):
                    found.nulls.append((owner[0], owner[1] + name))
                    if member is None:
                        continue
                shape.check(member, f"{pointer}/properties/{name}", found, (owner[0], f"{owner[1]}{name}."))
        if unknown:
            self._note_unknown(value, unknown, pointer, found)
        if not self._required <= value.keys():
            found.violations.append(_missing(pointer, sorted(self._required - value.keys())))

    def _note_unknown(self, value: dict[str, Any], names: list[str], pointer: str, found: ShapeErrors) -> None:
        if self._ignore_unknown:
            found.ignored.append((value, names))
        else:
            found.violations.append(_unknown(pointer, names))

    def _clears(self, name: str, member: Any) -> bool:
        """Return whether a member is a null. Protobuf cannot tell an empty list from an absent one, so that is one."""
        if member is None:
            return name in self._nullable
        return not member and type(member) is list and name in self._empty_clears


def compile_shape(message: DescMessage) -> ObjectShape:
    """Return the shape of a request message."""
    return _object_shape(message, {})


def _object_shape(message: DescMessage, known: dict[str, ObjectShape]) -> ObjectShape:
    shape = known.get(message.type_name)
    if shape is None:
        shape = known[message.type_name] = ObjectShape()
        shape.fill(message, known)
    return shape


def _shape_of_field(field: DescField, known: dict[str, ObjectShape]) -> JsonShape:
    value = field.value
    if isinstance(value, DescFieldValueList):
        return ArrayShape(_shape_of_element(value.element, known), max_items(field))
    if isinstance(value, DescFieldValueMap):
        return MapShape(_shape_of_element(value.value, known))
    if isinstance(value, DescFieldValueMessage):
        return _shape_of_element(value.message, known)
    if isinstance(value, DescFieldValueEnum):
        return PlainShape("string", (str,))
    return _shape_of_element(value.scalar, known)


def _shape_of_element(element: object, known: dict[str, ObjectShape]) -> JsonShape:
    if isinstance(element, DescMessage):
        if element.type_name == "google.protobuf.Struct":
            return AnyObjectShape()
        return _object_shape(element, known)
    if element == ScalarType.BOOL:
        return PlainShape("boolean", (bool,))
    if isinstance(element, ScalarType) and element in _INTEGERS:
        return IntegerShape(*_INTEGERS[element])
    if element in (ScalarType.DOUBLE, ScalarType.FLOAT):
        return PlainShape("number", (int, float))
    return PlainShape("string", (str,))


def _is_required(field: DescField) -> bool:
    rules = field_rules(field)
    return field_policy(field).present or bool(rules and rules.required)


def _mismatch(pointer: str, value: Any, want: str) -> Violation:
    return Violation(f"{pointer}/type", f"got {_JSON_NAMES.get(type(value), 'number')}, want {want}")


def _unknown(pointer: str, names: list[str]) -> Violation:
    listed = ", ".join(f"'{shorten(name, NAME_CHARS_MAX)}'" for name in sorted(names)[:NAMES_MAX])
    more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
    return Violation(f"{pointer}/additionalProperties", f"additional properties {listed}{more} not allowed")


def _missing(pointer: str, names: list[str]) -> Violation:
    listed = ", ".join(f"'{name}'" for name in names)
    return Violation(f"{pointer}/required", f"missing {'property' if len(names) == 1 else 'properties'} {listed}")
