"""Fill settings classes from a TOML tree and the environment, and list their keys for the documentation.

Every problem is collected on the way. Rules about single fields stand beside the fields; those that concern several are
behind the reader.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import timedelta
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from unkey_api.core.secret import Secret
from unkey_api.settings.about import About, about_of
from unkey_api.settings.auth import AUTH_TYPES, WORKOS, AuthEntry, JwtAuth, RootKeyAuth
from unkey_api.settings.conversion import WrongTypeError, convert, convert_text, format_duration, toml_array, type_name
from unkey_api.settings.sections import PORT_MAX, Settings, TlsSettings
from unkey_api.settings.source import FromVariable, Problem, nearest
from unkey_api.settings.stores import DatabaseSettings

Section = TypeVar("Section")
_NO_AUTH = "needs an entry: at least one [[auth]] entry is required"


def environment_name(path: str) -> str:
    """Return the environment variable that sets a key: `database.primary` is UNKEY_DATABASE_PRIMARY."""
    return "UNKEY_" + path.replace(".", "_").upper()


def section_class(declared: object) -> type | None:
    """Return the settings class behind a field type, optional or not; None for anything that is no section."""
    if get_origin(declared) in {Union, types.UnionType}:
        declared = next((each for each in get_args(declared) if each is not types.NoneType), None)
    return declared if isinstance(declared, type) and is_dataclass(declared) else None


def field_types(section: type) -> dict[str, object]:
    """Return the declared types of a settings class by field name."""
    hints = get_type_hints(section)
    return {each.name: hints[each.name] for each in fields(section)}


def key_paths(section: type, prefix: str = "") -> list[str]:
    """Return the paths of all sections and keys below a settings class, in declaration order."""
    paths: list[str] = []
    for name, declared in field_types(section).items():
        path = f"{prefix}{name}"
        paths.append(path)
        inner = section_class(declared)
        if inner is not None:
            paths.extend(key_paths(inner, f"{path}."))
    return paths


class Reader:
    """Reads one configuration. `problems` grows; a section that cannot be built is None and has left a problem."""

    def __init__(self, root: type, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._environ = environ
        self._unusable: list[str] = []
        self._known = key_paths(root)

    def section(self, kind: type[Section], tree: object, prefix: str = "") -> Section | None:
        """Build a section from its table. `prefix` is empty for the root, else ends with a dot."""
        if not isinstance(tree, Mapping):
            self._report(prefix.rstrip("."), "must be a table")
            return None
        for name in sorted(tree.keys() - field_types(kind).keys()):
            self._report(prefix + name, f"is not a known key; the nearest is {nearest(prefix + name, self._known)}")
        return self._built(kind, tree, prefix)

    def _built(self, kind: type[Section], tree: Mapping[str, object], prefix: str) -> Section | None:
        declared = field_types(kind)
        values: dict[str, object] = {}
        complete = True
        for each in fields(kind):  # type: ignore[arg-type]  # every section is a dataclass
            value = self._field(each, declared[each.name], tree, prefix + each.name)
            if value is not MISSING:
                values[each.name] = value
            elif each.default is MISSING and each.default_factory is MISSING:
                complete = False
        if not complete:
            return None
        section = kind(**values)
        # A field that fell back to its default because its value was unusable must not cause a second complaint.
        if not any(path.startswith(prefix) for path in self._unusable):
            self.problems.extend(rules_broken(section, prefix))
        return section

    def _field(self, field: Field[Any], declared: object, tree: Mapping[str, object], path: str) -> object:
        """Return the value of a field, MISSING to use its default."""
        inner = section_class(declared)
        if inner is not None:
            optional = not isinstance(declared, type)
            if optional and field.name not in tree and not self._in_environment(inner, path):
                return MISSING
            built: object = self.section(inner, tree.get(field.name, {}), f"{path}.")
            return MISSING if built is None else built
        if declared == tuple[AuthEntry, ...]:
            return self._auth(tree.get(field.name), path)
        return self._value(about_of(field), self._raw(declared, field.name, tree, path), path)

    def _raw(self, declared: object, name: str, tree: Mapping[str, object], path: str) -> object:
        """Return the converted value of a key, MISSING when it is absent or unusable."""
        text = self._environ.get(environment_name(path), "")
        try:
            if text:
                return convert_text(declared, text)
            # An empty variable must be what an absent key is, whatever the key's type.
            return None if name not in tree or _is_blank_variable(tree[name]) else convert(declared, tree[name])
        except WrongTypeError as err:
            self._unusable.append(path)
            self._report(path, str(err))
            return MISSING

    def _value(self, said: About, value: object, path: str) -> object:
        if value is MISSING:
            return MISSING
        if value is None or _is_empty(value):
            if said.required:
                self._report(path, "is required" if value is None else "must not be empty")
            return MISSING
        self._judge(said, value, path)
        return value

    def _judge(self, said: About, value: object, path: str) -> None:
        """Report what a value of the right type breaks."""
        if not said.allows(value):
            self._report(path, f"must be between {said.range.replace(' to ', ' and ')}")
            return
        if said.check is None:
            return
        if isinstance(value, tuple):
            for index, item in enumerate(value):
                self._report(f"{path}[{index}]", said.check(item))
        else:
            self._report(path, said.check(value))

    def _auth(self, entries: object, path: str) -> object:
        text = self._environ.get(environment_name(path), "") or (str(entries) if type(entries) is FromVariable else "")
        try:
            entries = toml_array(text) if text else entries
        except WrongTypeError as err:
            self._report(path, str(err))
            return MISSING
        if entries in (None, [], ""):
            self._report(path, _NO_AUTH)
            return MISSING
        if not isinstance(entries, list) or not all(isinstance(each, Mapping) for each in entries):
            self._report(path, "must be an array of tables")
            return MISSING
        return tuple(self._auth_entry(each, f"{path}[{index}]") for index, each in enumerate(entries))

    def _auth_entry(self, table: Mapping[str, object], path: str) -> AuthEntry | None:
        named = table.get("type")
        kind = AUTH_TYPES.get(named) if isinstance(named, str) else None
        if kind is None:
            self._report(f"{path}.type", f"must be one of {', '.join(AUTH_TYPES)}")
            return None
        foreign = table.keys() - field_types(kind).keys() - {"type"}
        for name in sorted(foreign):
            self._report(f"{path}.{name}", "is not valid for this auth type")
        return self._built(kind, table, f"{path}.")

    def _report(self, path: str, message: str | None) -> None:
        if message is not None:
            self.problems.append(Problem(path, message))

    def _in_environment(self, section: type, path: str) -> bool:
        return any(self._environ.get(environment_name(each)) for each in key_paths(section, f"{path}."))


def _is_empty(value: object) -> bool:
    """Say whether a value says no more than an unset key. A zero is an answer, and so is a false boolean."""
    return value in ("", (), Secret(""))


def _is_blank_variable(value: object) -> bool:
    return type(value) is FromVariable and not value


def rules_broken(section: object, prefix: str) -> Iterator[Problem]:
    """Yield what a section breaks whose single fields are of the right type. `prefix` ends with a dot."""
    match section:
        case JwtAuth():
            yield from _jwt(section, prefix)
        case RootKeyAuth(enabled=False):
            yield Problem(f"{prefix}enabled", "must be true when present; leave the entry out to refuse root keys")
        case TlsSettings(cert_file=cert_file, key_file=key_file) if bool(cert_file) != bool(key_file):
            yield Problem("tls", "is incomplete: both tls.cert_file and tls.key_file must be provided")
        case Settings():
            yield from _ports(section)
        case DatabaseSettings(max_open=most, max_idle=idle) if idle > most:
            yield Problem(f"{prefix}max_idle", "must not exceed max_open")
        case _:
            return


def _ports(settings: Settings) -> Iterator[Problem]:
    """Every listener of every worker needs a port of its own; HTTP/1.1 and HTTP/2 are shared by the workers."""
    if settings.http_port == settings.http2_port:
        yield Problem("http2_port", "must differ from http_port")
    metrics = settings.observability.metrics
    if metrics is None or metrics.prometheus_port == 0:
        return
    path, first = "observability.metrics.prometheus_port", metrics.prometheus_port
    last = first + settings.workers - 1
    if last > PORT_MAX:
        yield Problem(path, f"leaves no ports for {settings.workers} workers, which take one after the other")
    for name, port in (("http_port", settings.http_port), ("http2_port", settings.http2_port)):
        if first <= port <= last:
            yield Problem(path, f"must differ from {name}; {settings.workers} workers take {first} to {last}")


def _jwt(entry: JwtAuth, prefix: str) -> Iterator[Problem]:
    if bool(entry.secrets) == bool(entry.jwks_url):
        yield Problem(prefix.rstrip("."), "needs exactly one of secrets or jwks_url")
    if entry.provider == WORKOS and not entry.jwks_url:
        yield Problem(f"{prefix}provider", f"{WORKOS} requires jwks_url")


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """One key, as documentation shows it."""

    path: str
    type: str
    default: str
    """Empty when the key is empty by default; `required` when there is none."""
    environment: str
    """Variable that sets it; empty for the fields of list entries."""
    meaning: str
    range: str = ""
    """Least and most, with the unit of a number; empty for what is no quantity."""


def describe() -> list[KeyDescription]:
    """Return every key of the configuration in declaration order."""
    return list(_section(Settings, ""))


def describe_auth() -> dict[str, list[KeyDescription]]:
    """Return the fields of each type of `[[auth]]` entry."""
    return {
        name: [_key(each, field_types(kind)[each.name], each.name, environment="") for each in fields(kind)]
        for name, kind in AUTH_TYPES.items()
    }


def _section(section: type, prefix: str) -> Iterator[KeyDescription]:
    declared = field_types(section)
    for each in fields(section):
        path = prefix + each.name
        inner = section_class(declared[each.name])
        if inner is None:
            yield _key(each, declared[each.name], path, environment=environment_name(path))
        else:
            yield from _section(inner, f"{path}.")


def _key(field: Field[Any], declared: object, path: str, *, environment: str) -> KeyDescription:  # Any: every type
    said = about_of(field)
    shown_type = "an array of tables" if declared == tuple[AuthEntry, ...] else type_name(declared)
    default = "required" if said.required else said.shown_default or _shown(field.default)
    limits = f"{said.range} {said.unit}".strip()
    return KeyDescription(path, shown_type.split(" ", 1)[1], default, environment, said.meaning, limits)


def _shown(default: object) -> str:
    if isinstance(default, timedelta):
        return f"`{format_duration(default)}`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if default is MISSING or isinstance(default, Secret | tuple) or default == "":
        return ""
    return f"`{default}`"
