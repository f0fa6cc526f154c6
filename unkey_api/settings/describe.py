"""The table of all settings, taken from the classes themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields
from datetime import timedelta
from typing import Any

from unkey_api.core.secret import Secret
from unkey_api.settings.about import about_of
from unkey_api.settings.auth import AUTH_TYPES, AuthEntry
from unkey_api.settings.conversion import format_duration, type_name
from unkey_api.settings.reading import environment_name, field_types, section_class
from unkey_api.settings.sections import Settings


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
