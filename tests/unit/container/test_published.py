"""What is served and what is known to hold secrets are one list."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from protobuf import DescFieldValueList, DescFieldValueMessage, DescMessage
from unkey_proto.unkey.keys.v2.keys_connect import KeysService

from unkey_api.container.published import PUBLISHED, published_methods, published_services, serve_published
from unkey_api.rpc.method import field_policy
from unkey_api.rpc.redaction_paths import redaction_paths

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


def handlers() -> dict[object, object]:
    return {each.protocol: object() for each in PUBLISHED}


def test_exactly_what_is_published_is_served() -> None:
    given = handlers()
    served = serve_published(given)
    assert [service.description.type_name for service in served] == [s.type_name for s in published_services()]
    assert [service.handler for service in served] == list(given.values())


def test_published_service_without_handler_is_refused() -> None:
    given = handlers()
    del given[KeysService]
    with pytest.raises(LookupError):
        serve_published(given)


def test_handler_of_an_unpublished_service_is_refused() -> None:
    with pytest.raises(LookupError, match="not published"):
        serve_published(handlers() | {object: object()})


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
