"""Messages as component schemas."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from protobuf import (
    DescEnum,
    DescField,
    DescFieldValueEnum,
    DescFieldValueList,
    DescFieldValueMap,
    DescFieldValueMessage,
    DescFieldValueScalar,
    DescMessage,
    ScalarType,
)

from tools.protoc_gen_unkey_openapi.comments import describe
from tools.protoc_gen_unkey_openapi.constraints import (
    Json,
    field_keywords,
    is_required,
    item_keywords,
    message_keywords,
)
from tools.protoc_gen_unkey_openapi.policies import OptionReader

__all__ = ["SchemaBuilder", "reference"]

SCALARS: Final[dict[ScalarType, Json]] = {
    ScalarType.STRING: {"type": "string"},
    ScalarType.BYTES: {"type": "string", "contentEncoding": "base64"},
    ScalarType.BOOL: {"type": "boolean"},
    ScalarType.INT32: {"type": "integer", "format": "int32"},
    ScalarType.INT64: {"type": "integer", "format": "int64"},
    ScalarType.UINT32: {"type": "integer", "format": "int64", "minimum": 0},
    ScalarType.UINT64: {"type": "integer", "minimum": 0},
    ScalarType.FLOAT: {"type": "number", "format": "float"},
    ScalarType.DOUBLE: {"type": "number", "format": "double"},
}
WELL_KNOWN: Final[dict[str, Json]] = {
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Empty": {"type": "object", "additionalProperties": False},
}
SHARED_PACKAGE: Final = "unkey.common."


def reference(name: str) -> Json:
    """Return a reference to a component schema."""
    return {"$ref": f"#/components/schemas/{name}"}


@dataclass(slots=True)
class SchemaBuilder:
    """Collects the component schemas of every message it is asked about."""

    options: OptionReader
    areas: dict[str, str]
    """Name of the area by protobuf package; it keeps equally named messages apart."""
    extended: bool = False
    """Whether to show fields that are this service's own."""
    components: dict[str, Json] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    """Message behind each component name."""

    def message(self, desc: DescMessage) -> Json:
        """Return a reference to the schema of a message; defines it, and what it needs, on first use."""
        if desc.type_name in WELL_KNOWN:
            return dict(WELL_KNOWN[desc.type_name])
        name = self.name(desc)
        if name not in self.components:
            self.components[name] = {}  # taken before the fields are looked at: a message may contain itself
            self.components[name] = self._object(desc)
        return reference(name)

    def name(self, desc: DescMessage) -> str:
        """Return the component name of a message: area and name, without saying the area twice.

        Raises:
            ValueError: Another message has the same component name.
        """
        package = desc.file.proto.package
        local = desc.type_name.removeprefix(package + ".").replace(".", "")
        area = "" if package.startswith(SHARED_PACKAGE) else self.areas[package]
        name = local if local.startswith(area) else area + local
        if self.owners.setdefault(name, desc.type_name) != desc.type_name:
            msg = f"{desc.type_name} and {self.owners[name]} would both be called {name}"
            raise ValueError(msg)
        return name

    def field(self, desc: DescField) -> Json:
        """Return the schema of a field with its rules and its description."""
        policy = self.options.field(desc)
        rules = self.options.field_rules(desc)
        schema = self._value(desc) | field_keywords(rules)
        if policy.nullable:
            schema = _nullable(schema)
        if text := describe(desc):
            schema["description"] = text
        if policy.default_value:
            schema["default"] = _default(desc, policy.default_value)
        if policy.redact:
            schema["x-unkey-redact"] = True
        if policy.extension:
            schema["x-unkey-extension"] = True
        if desc.deprecated:
            schema["deprecated"] = True
        return schema

    def _object(self, desc: DescMessage) -> Json:
        visible = [field for field in desc.fields if self._shown(field)]
        names = {field.name: field.json_name for field in visible}
        required = [field.json_name for field in visible if self._always_there(field)]
        schema: Json = {"type": "object"}
        if text := describe(desc):
            schema["description"] = text
        if required:
            schema["required"] = required
        if visible:
            schema["properties"] = {field.json_name: self.field(field) for field in visible}
        schema |= message_keywords(self.options.message_rules(desc), names)
        if not self.options.ignores_unknown(desc):
            schema["additionalProperties"] = False
        return schema

    def _shown(self, desc: DescField) -> bool:
        policy = self.options.field(desc)
        return not policy.hidden and (self.extended or not policy.extension)

    def _always_there(self, desc: DescField) -> bool:
        return self.options.field(desc).present or is_required(self.options.field_rules(desc))

    def _value(self, desc: DescField) -> Json:
        match desc.value:
            case DescFieldValueScalar(scalar=scalar):
                return dict(SCALARS[scalar])
            case DescFieldValueMessage(message=message):
                return self.message(message)
            case DescFieldValueEnum(enum=enum):
                return _words(enum)
            case DescFieldValueList(element=element):
                items = self._element(element) | item_keywords(self.options.field_rules(desc))
                return {"type": "array", "items": items}
            case DescFieldValueMap(value=element):
                return {"type": "object", "additionalProperties": self._element(element)}

    def _element(self, element: DescMessage | DescEnum | ScalarType) -> Json:
        match element:
            case DescMessage():
                return self.message(element)
            case DescEnum():
                return _words(element)
            case _:
                return dict(SCALARS[element])


def _words(enum: DescEnum) -> Json:
    return {"type": "string", "enum": [value.name for value in enum.values]}


def _nullable(schema: Json) -> Json:
    """Allow null beside what the schema allows."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    allowed = schema.get("enum")
    words = {"enum": [*allowed, None]} if isinstance(allowed, list) else {}
    return schema | {"type": [schema["type"], "null"]} | words


def _default(desc: DescField, text: str) -> object:
    match desc.value:
        case DescFieldValueScalar(scalar=ScalarType.STRING) | DescFieldValueEnum():
            return text
        case _:
            return json.loads(text)
