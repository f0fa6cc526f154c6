"""Broken `buf.validate` rules in the words of JSON Schema, which is what the OpenAPI document promises.

A violation's location is the JSON pointer of the broken keyword inside the request's schema with references inlined
(`/properties/ratelimits/items/properties/limit/minimum`), its message names the value found and the one wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from dataclasses import field as member
from typing import Any

import protovalidate
from protobuf import DescField, DescFieldValueList, DescFieldValueMessage, DescMessage
from unkey_proto.buf.validate import validate_pb

from unkey_api.core.errors import Violation
from unkey_api.core.text import shorten
from unkey_api.rpc.method import AnyMessage

MAX_PROPERTIES = "struct.max_properties."
MIN_PROPERTIES = "message.min_properties."
REQUIRED_BELOW = "required."
ONE_OF = "one_of."
_SIZES = {
    "string.min_len": "minLength",
    "string.max_len": "maxLength",
    "repeated.min_items": "minItems",
    "repeated.max_items": "maxItems",
}
_LIMITS = {"gte": "minimum", "lte": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


QUOTED_CHARS_MAX = 64
"""What is repeated of a refused value."""


@dataclass(frozen=True, slots=True)
class BrokenRules:
    """What is wrong with a message."""

    found: list[protovalidate.Violation]
    complete: bool
    """Whether everything that is wrong was found."""
    oversized: list[Violation] = member(default_factory=list)
    """Lists that are too long, in a message that was not checked to its end."""


def broken_rules(found: list[protovalidate.Violation], message: AnyMessage, *, thorough: bool) -> BrokenRules:
    """Return what is wrong with a message of which the validator has found that it breaks these rules, at least one.

    `thorough`: they are all it breaks. Otherwise the validator was told to stop at the first, since a violation costs a
    hundred times what a good element does; then lists that are too long are named, or else that first rule.
    """
    if thorough:
        return BrokenRules(found, complete=True)
    oversized = list(_oversized(message, ""))
    return BrokenRules([] if oversized else found, complete=False, oversized=oversized)


def _oversized(message: AnyMessage, pointer: str) -> Iterator[Violation]:
    for field, value in _members(message):
        below = f"{pointer}/properties/{field.json_name}"
        if isinstance(field.value, DescFieldValueList):
            most = max_items(field)
            if most is not None and len(value) > most:
                yield _sized(below, "maxItems", len(value), most)
        else:
            yield from _oversized(value, below)


def _members(message: AnyMessage) -> Iterator[tuple[DescField, Any]]:  # lists and messages
    """Return the lists and the messages in a message, but for free-form ones."""
    for field in type(message).desc().fields:
        value = getattr(message, field.local_name)
        if isinstance(field.value, DescFieldValueList) or (
            isinstance(field.value, DescFieldValueMessage)
            and value is not None
            and not field.value.message.type_name.startswith("google.protobuf.")
        ):
            yield field, value


def max_items(field: DescField) -> int | None:
    """Return how many elements a list may have at most, None for any number."""
    rules = field_rules(field)
    if rules is None or rules.type is None or rules.type.field != "repeated":
        return None
    return rules.type.value.max_items if rules.type.value.has_field("max_items") else None


def explain(broken: BrokenRules, request: AnyMessage, *, absent_is_zero: bool = False) -> tuple[Violation, ...]:
    """Translate violations, sorted by location.

    `absent_is_zero` tells that the caller is known to have sent every required field, so a "required" violation means
    that the value was zero or empty.
    """
    described = [_explain_one(item, type(request).desc(), absent_is_zero=absent_is_zero) for item in broken.found]
    return tuple(sorted(broken.oversized + described, key=lambda v: (v.location, v.message)))


def _explain_one(item: protovalidate.Violation, message: DescMessage, *, absent_is_zero: bool) -> Violation:  # noqa: PLR0911 - one return per kind of rule
    proto = item.proto
    pointer, owner, field = _walk(message, proto.field)
    rule = proto.rule_id
    value = item.field_value
    if rule == "required":
        return _missing(pointer, owner, field, absent_is_zero=absent_is_zero)
    if rule in _SIZES:
        return _sized(pointer, _SIZES[rule], len(value), item.rule_value)
    if rule.startswith((MIN_PROPERTIES, REQUIRED_BELOW, ONE_OF)):
        return _message_rule(pointer, rule, proto.message)
    family, _, name = rule.partition(".")
    if rule.startswith(MAX_PROPERTIES):
        return _sized(pointer, "maxProperties", len(value.fields), int(rule.removeprefix(MAX_PROPERTIES)))
    describe = _WORDS.get(rule) or _WORDS.get(name)
    if describe is not None:
        return describe(pointer, value, item.rule_value)
    if name in _RANGES and field is not None:
        return _out_of_range(pointer, value, _numeric_rules(field, family))
    return Violation(f"{pointer}/{name or rule}", proto.message)


def _message_rule(pointer: str, rule: str, message: str) -> Violation:
    """Explain a rule over several members of one message; its id names the rule and the members."""
    if rule.startswith(REQUIRED_BELOW):
        *above, last = rule.removeprefix(REQUIRED_BELOW).split(".")
        owner = pointer + "".join(f"/properties/{name}" for name in above)
        return Violation(f"{owner}/required", f"missing property '{last}'")
    if rule.startswith(MIN_PROPERTIES):
        return Violation(f"{pointer}/minProperties", message)
    return Violation(f"{pointer}/oneOf", message)


def _missing(pointer: str, owner: str, field: DescField | None, *, absent_is_zero: bool) -> Violation:
    keyword, wanted = _zero_rule(field) if field is not None and absent_is_zero else ("", 0)
    if keyword:
        return _sized(pointer, keyword, 0, wanted)
    return Violation(f"{owner}/required", f"missing property '{field.json_name if field else ''}'")


def _walk(message: DescMessage, path: Any) -> tuple[str, str, DescField | None]:
    """Return the pointer of the value, the pointer of the object that holds it, and its field."""
    pointer = owner = ""
    field: DescField | None = None
    scope: DescMessage | None = message
    for element in path.elements if path else ():
        if scope is None:
            break
        field = next(f for f in scope.fields if f.name == element.field_name)
        owner = pointer
        pointer += f"/properties/{field.json_name}"
        if element.subscript is not None:
            pointer += "/items" if isinstance(field.value, DescFieldValueList) else "/additionalProperties"
        scope = _inner_message(field)
    return pointer, owner, field


def _inner_message(field: DescField) -> DescMessage | None:
    value = field.value
    inner = value.message if isinstance(value, DescFieldValueMessage) else getattr(value, "element", None)
    return inner if isinstance(inner, DescMessage) else None


def field_rules(field: DescField) -> validate_pb.FieldRules | None:
    """Return the `buf.validate` rules of a field, or None."""
    options = field.proto.options
    if options is None or validate_pb.ext_field not in options:
        return None
    rules: validate_pb.FieldRules = options[validate_pb.ext_field]
    return rules


def _numeric_rules(field: DescField, family: str) -> Any:  # the rules message differs per numeric type
    rules = field_rules(field)
    if rules is not None and rules.type is not None and rules.type.field == "repeated":
        rules = rules.type.value.items
    return rules.type.value if rules and rules.type and rules.type.field == family else None


def _out_of_range(pointer: str, value: Any, rules: Any) -> Violation:  # numbers and rules of any numeric type
    less, greater = rules.less_than, rules.greater_than
    low_side = value < greater.value if greater.field == "gte" else value <= greater.value
    broken = greater if low_side else less
    return _sized(pointer, _LIMITS[broken.field], value, broken.value)


def _zero_rule(field: DescField) -> tuple[str, int]:
    """Return keyword and wanted value of the rule that a zero value breaks, or an empty keyword."""
    rules = field_rules(field)
    kind = rules.type if rules else None
    if kind is None:
        return "", 0
    if kind.field == "string":
        return "minLength", kind.value.min_len or 1
    if kind.field == "repeated":
        return "minItems", kind.value.min_items or 1
    greater = getattr(kind.value, "greater_than", None)
    return (_LIMITS[greater.field], greater.value) if greater is not None else ("", 0)


def _sized(pointer: str, keyword: str, got: object, want: object) -> Violation:
    return Violation(f"{pointer}/{keyword}", f"{keyword}: got {got}, want {want}")


def _pattern(pointer: str, value: Any, want: Any) -> Violation:  # values as protovalidate hands them over
    return Violation(f"{pointer}/pattern", f"'{shorten(value, QUOTED_CHARS_MAX)}' does not match pattern '{want}'")


def _one_of(pointer: str, _value: Any, want: Any) -> Violation:  # the same
    return Violation(f"{pointer}/enum", "value must be one of " + ", ".join(f"'{w}'" for w in want))


def _unique(pointer: str, value: Any, _want: Any) -> Violation:  # the same
    seen: dict[object, int] = {}
    for index, item in enumerate(value):
        if item in seen:
            return Violation(f"{pointer}/uniqueItems", f"items at {seen[item]} and {index} are equal")
        seen[item] = index
    return Violation(f"{pointer}/uniqueItems", "items are not unique")


def _limit(keyword: str) -> Callable[[str, Any, Any], Violation]:
    return lambda pointer, value, want: _sized(pointer, keyword, value, want)


_RANGES = frozenset({"gte_lte", "gt_lt", "gte_lt", "gt_lte"})
_WORDS: dict[str, Callable[[str, Any, Any], Violation]] = {
    **{name: _limit(keyword) for name, keyword in _LIMITS.items()},
    "string.pattern": _pattern,
    "in": _one_of,
    "repeated.unique": _unique,
}
