"""Options of methods, fields and messages as plain values, whatever generated them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from protobuf import DescExtension, DescField, DescFile, DescMessage, DescMethod, Message

__all__ = ["AUTH_NONE", "AUTH_PORTAL_SESSION", "FieldPolicy", "Http", "MethodPolicy", "OptionReader", "set_fields"]

AUTH_NONE = 1
AUTH_PORTAL_SESSION = 3
VERBS = ("get", "put", "post", "delete", "patch")

Rules = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodPolicy:
    """`unkey.options.v1.method`; see options.proto for what each entry means."""

    auth: int = 0
    success_status: int = 0
    permissions: Sequence[str] = ()
    errors: Sequence[int] = ()
    internal: bool = False
    open_envelope: bool = False
    no_data: bool = False
    extension: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPolicy:
    """`unkey.options.v1.field`; see options.proto for what each entry means."""

    redact: bool = False
    nullable: bool = False
    present: bool = False
    hidden: bool = False
    default_value: str = ""
    empty_clears: bool = False
    extension: bool = False
    any_text: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """`google.api.http` of one method."""

    verb: str
    path: str
    body: str = ""
    """Field that is the body; `*` for the whole message; empty when there is no body."""
    response_body: str = ""
    """Field that is `data`; empty for the whole message."""


@dataclass(frozen=True, slots=True)
class OptionReader:
    """Reads the extensions that are defined in one set of files."""

    extensions: Mapping[str, DescExtension] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Sequence[DescFile]) -> OptionReader:
        """Return a reader that knows every extension of `files`."""
        return cls({extension.type_name: extension for file in files for extension in file.extensions})

    def method(self, method: DescMethod) -> MethodPolicy:
        """Return the policy of a method, all defaults when it has none."""
        return MethodPolicy(**self._read(method.proto.options, "unkey.options.v1.method"))  # type: ignore[arg-type] # dynamic

    def field(self, desc: DescField) -> FieldPolicy:
        """Return the policy of a field, all defaults when it has none."""
        return FieldPolicy(**self._read(desc.proto.options, "unkey.options.v1.field"))  # type: ignore[arg-type] # dynamic

    def ignores_unknown(self, message: DescMessage) -> bool:
        """Tell whether JSON members that are not fields are tolerated."""
        return bool(self._read(message.proto.options, "unkey.options.v1.message").get("ignore_unknown"))

    def http(self, method: DescMethod) -> Http | None:
        """Return the HTTP binding of a method, or None when it has none."""
        rule = self._read(method.proto.options, "google.api.http")
        for verb in VERBS:
            if verb in rule:
                texts = {name: str(rule.get(name, "")) for name in ("body", "response_body")}
                return Http(verb=verb, path=str(rule[verb]), **texts)
        return None

    def field_rules(self, desc: DescField) -> Rules:
        """Return the set entries of `buf.validate.field`, empty when it has none."""
        return self._read(desc.proto.options, "buf.validate.field")

    def message_rules(self, message: DescMessage) -> Rules:
        """Return the set entries of `buf.validate.message`, empty when it has none."""
        return self._read(message.proto.options, "buf.validate.message")

    def _read(self, options: Message | None, name: str) -> dict[str, object]:
        extension = self.extensions.get(name)
        if extension is None or options is None or extension.type not in options:
            return {}
        return set_fields(options[extension.type])


def set_fields(message: Message) -> dict[str, object]:
    """Return the fields of a message that are set, by their protobuf names."""
    return {desc.name: message[desc] for desc in message}
