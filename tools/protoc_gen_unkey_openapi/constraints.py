"""buf.validate rules as JSON Schema keywords."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from protobuf import Message

from tools.protoc_gen_unkey_openapi.policies import set_fields

__all__ = ["field_keywords", "is_required", "item_keywords", "message_keywords"]

Json = dict[str, object]

KEYWORDS: Final = {
    "min_len": "minLength",
    "max_len": "maxLength",
    "pattern": "pattern",
    "in": "enum",
    "const": "const",
    "gte": "minimum",
    "lte": "maximum",
    "gt": "exclusiveMinimum",
    "lt": "exclusiveMaximum",
    "min_items": "minItems",
    "max_items": "maxItems",
    "unique": "uniqueItems",
    "min_pairs": "minProperties",
    "max_pairs": "maxProperties",
}
FORMATS: Final = ("email", "hostname", "ipv4", "ipv6", "uri", "uuid")
SCALARS: Final = frozenset(("string", "bytes", "bool", "int32", "int64", "uint32", "uint64", "float", "double"))
CONTAINERS: Final = frozenset(("repeated", "map"))
# Rules that only CEL can express say in their id which keyword they stand for: `struct.max_properties.100`.
CEL_ID: Final = re.compile(r"(?:struct|message)\.(min|max)_properties\.(\d+)")


def field_keywords(rules: Mapping[str, object]) -> Json:
    """Return the keywords for a field itself; those of list items are not among them."""
    found: Json = {}
    for kind, value in rules.items():
        if kind in SCALARS | CONTAINERS and isinstance(value, Message):
            found |= _plain(set_fields(value))
    return found | _from_cel(rules)


def item_keywords(rules: Mapping[str, object]) -> Json:
    """Return the keywords for the items of a list."""
    repeated = rules.get("repeated")
    items = set_fields(repeated).get("items") if isinstance(repeated, Message) else None
    return field_keywords(set_fields(items)) if isinstance(items, Message) else {}


def message_keywords(rules: Mapping[str, object], json_names: Mapping[str, str]) -> Json:
    """Return the keywords for a message: counts of members, and which one of several is needed.

    `json_names` gives the JSON name of each field, because rules use the protobuf names.
    """
    found = _from_cel(rules)
    for rule in _messages(rules.get("oneof")):
        entry = set_fields(rule)
        fields = entry.get("fields")
        if entry.get("required") and isinstance(fields, list):
            found["oneOf"] = [{"required": [json_names[name]]} for name in fields]
    return found


def is_required(rules: Mapping[str, object]) -> bool:
    """Tell whether the validator refuses a message without the field."""
    return bool(rules.get("required"))


def _plain(rules: Mapping[str, object]) -> Json:
    found: Json = {}
    for name, keyword in KEYWORDS.items():
        value = rules.get(name)
        if value is not None:
            found[keyword] = list(value) if isinstance(value, list) else value
    for name in FORMATS:
        if rules.get(name):
            found["format"] = name
    if "len" in rules:
        found |= {"minLength": rules["len"], "maxLength": rules["len"]}
    return found


def _from_cel(rules: Mapping[str, object]) -> Json:
    ids = (str(set_fields(rule).get("id", "")) for rule in _messages(rules.get("cel")))
    matches = (CEL_ID.fullmatch(rule_id) for rule_id in ids)
    return {f"{match[1]}Properties": int(match[2]) for match in matches if match}


def _messages(value: object) -> list[Message]:
    return [entry for entry in value if isinstance(entry, Message)] if isinstance(value, list) else []
