"""One list of areas says what is served, what is known to hold secrets and what operations need."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
import unkey_proto.unkey
from protobuf import DescFieldValueList, DescFieldValueMessage, DescMessage, DescService

import unkey_api.areas
from unkey_api.areas.shared import Area
from unkey_api.container.areas import AREAS, published_methods, published_services
from unkey_api.rpc.method import describe, field_policy, redaction_paths

SECRET_NAMES = ("plaintext", "hash", "secret", "token", "password", "private_key")


def all_messages(message: DescMessage, seen: dict[str, DescMessage]) -> dict[str, DescMessage]:
    if message.type_name not in seen:
        seen[message.type_name] = message
        for field in message.fields:
            value = field.value
            inner = value.message if isinstance(value, DescFieldValueMessage) else None
            if isinstance(value, DescFieldValueList) and isinstance(value.element, DescMessage):
                inner = value.element
            if inner is not None:
                all_messages(inner, seen)
    return seen


def published_messages() -> Iterator[DescMessage]:
    seen: dict[str, DescMessage] = {}
    for method in published_methods():
        all_messages(method.info.input.desc(), seen)
        all_messages(method.info.output.desc(), seen)
    return iter(seen.values())


def generated_services() -> set[str]:
    """The services of every proto package that is published."""
    packages = pkgutil.walk_packages(unkey_proto.unkey.__path__, "unkey_proto.unkey.")
    modules = [import_module(each.name) for each in packages if each.name.endswith("_connect")]
    values = [each for module in modules for each in vars(module).values() if isinstance(each, type)]
    described = [each.desc() for each in values if hasattr(each, "desc")]
    return {each.type_name for each in described if isinstance(each, DescService)}


def wired_areas() -> list[object]:
    """What every `wiring.py` has to offer."""
    folders = sorted(each.name for each in pkgutil.iter_modules(unkey_api.areas.__path__) if each.ispkg)
    names = [f"unkey_api.areas.{folder}.wiring" for folder in folders]
    return [import_module(name).AREA for name in names if find_spec(name) is not None]


def test_every_service_there_is_a_contract_for_is_published() -> None:
    assert {service.type_name for service in published_services()} == generated_services()


def test_every_area_that_is_wired_is_published() -> None:
    assert {id(area) for area in wired_areas()} == {id(area) for area in AREAS}


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.protocol.__name__)
def test_area_names_what_belongs_together(area: Area[Any]) -> None:
    """A generated application routes by the service it was generated for, whatever it is given."""
    assert area.protocol in area.handler.__mro__
    assert area.application.__name__ == f"{area.protocol.__name__}ASGIApplication"


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.protocol.__name__)
def test_area_states_the_needs_of_its_own_operations(area: Area[Any]) -> None:
    own = {method.http_path.removeprefix("/v2/") for method in describe(area.protocol.desc())}
    assert area.needs.keys() <= own


def test_every_field_named_like_a_secret_is_marked_as_one() -> None:
    bare = [
        f"{message.type_name}.{field.name}"
        for message in published_messages()
        for field in message.fields
        if any(name in field.name for name in SECRET_NAMES) and not field_policy(field).redact
    ]
    assert bare == []


def test_known_secrets_are_blanked() -> None:
    assert redaction_paths(published_methods()) >= {
        "key",
        "keys[].hash",
        "data.key",
        "data.plaintext",
        "data[].plaintext",
        "data.migrated[].hash",
        "data.failed",
    }
