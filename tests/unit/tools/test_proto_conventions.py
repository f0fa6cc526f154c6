"""Conventions of proto/ that neither the linter nor the compiler knows, over every service there is."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache

import protovalidate
import pytest
import unkey_proto.unkey
from protobuf import DescField, DescFile, DescMessage, DescMethod
from unkey_proto.buf.validate.validate_pb import FieldMaskRules, FieldRules
from unkey_proto.buf.validate.validate_pb import ext_field as ext_rules
from unkey_proto.google.api.annotations_pb import ext_http
from unkey_proto.unkey.options.v1.options_pb import AuthKind, FieldPolicy, MethodPolicy, ext_field, ext_method

AREAS = ("apis", "identities", "keys", "permissions", "ratelimit", "rootkeys")
MASK = "null_fields"


@cache
def _files() -> tuple[DescFile, ...]:
    modules = pkgutil.walk_packages(unkey_proto.unkey.__path__, unkey_proto.unkey.__name__ + ".")
    return tuple(importlib.import_module(m.name).desc() for m in modules if m.name.endswith("_pb"))


def _methods() -> list[DescMethod]:
    return [method for file in _files() for service in file.services for method in service.methods]


def _messages() -> list[DescMessage]:
    return [message for file in _files() for message in file.messages]


def _policy(field: DescField) -> FieldPolicy:
    options = field.proto.options
    return options[ext_field] if options is not None and ext_field in options else FieldPolicy()


def _rules(field: DescField) -> FieldRules:
    options = field.proto.options
    return options[ext_rules] if options is not None and ext_rules in options else FieldRules()


def _method_policy(method: DescMethod) -> MethodPolicy:
    options = method.proto.options
    return options[ext_method] if options is not None and ext_method in options else MethodPolicy()


def _inner(field: DescField) -> DescMessage | None:
    """Return the message a field holds, ours only."""
    message = getattr(field.value, "message", None) or getattr(field.value, "element", None)
    ours = isinstance(message, DescMessage) and message.type_name.startswith("unkey.")
    return message if ours else None


def _clearable_paths(message: DescMessage, prefix: str = "") -> Iterator[str]:
    """Yield the paths that a null or an empty list can clear, down to the next message with its own mask."""
    for field in message.fields:
        path = prefix + field.name
        policy = _policy(field)
        if policy.nullable or policy.empty_clears:
            yield path
        inner = _inner(field)
        if inner is not None and not any(f.name == MASK for f in inner.fields) and hasattr(field.value, "message"):
            yield from _clearable_paths(inner, path + ".")


def _is_input(message: DescMessage) -> bool:
    return message.name.endswith("Request") or any(field.name == MASK for field in message.fields)


METHODS = pytest.mark.parametrize("method", _methods(), ids=lambda m: f"{m.parent.name}.{m.name}")
INPUTS = pytest.mark.parametrize("message", [m for m in _messages() if _is_input(m)], ids=lambda m: m.type_name)


@METHODS
def test_method_is_bound_to_a_path_named_after_it(method: DescMethod) -> None:
    options = method.proto.options
    assert options is not None
    pattern = options[ext_http].pattern
    path = str(pattern.value) if pattern else ""
    name = path.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
    assert name[:1].upper() + name[1:] == method.name


@METHODS
def test_method_says_who_may_call_and_which_errors_there_are(method: DescMethod) -> None:
    policy = _method_policy(method)
    assert policy.auth != AuthKind.UNSPECIFIED
    assert list(policy.errors) == sorted(set(policy.errors))
    assert 500 in policy.errors


@METHODS
def test_title_is_a_verb_and_what_it_is_done_to(method: DescMethod) -> None:
    """Short enough for the list beside the page, and no sentence: that is what the comment is for."""
    title = _method_policy(method).title
    assert re.fullmatch(r"[A-Z][a-z]+( [A-Za-z]+){1,3}", title), title


def test_no_two_methods_have_the_same_title() -> None:
    titles = [_method_policy(method).title for method in _methods()]
    assert len(titles) > 40
    assert sorted(titles) == sorted(set(titles))


@METHODS
def test_response_body_names_a_field(method: DescMethod) -> None:
    options = method.proto.options
    assert options is not None
    name = options[ext_http].response_body
    assert not name or name in {field.name for field in method.output.fields}


@INPUTS
def test_everything_clearable_is_listed_in_the_mask(message: DescMessage) -> None:
    """A null that the mask cannot hold would be lost between JSON and the handler."""
    masks = [field for field in message.fields if field.name == MASK]
    allowed: set[str] = set()
    for mask in masks:
        rules = _rules(mask).type
        assert rules is not None
        assert isinstance(rules.value, FieldMaskRules)
        assert _policy(mask).hidden
        allowed |= set(rules.value.in_)
    assert allowed == set(_clearable_paths(message))


@INPUTS
def test_demanded_scalars_know_absence(message: DescMessage) -> None:
    """Without `optional` a demanded field could not be 0, false or empty."""
    for field in message.fields:
        if _rules(field).required:
            assert field.proto.proto3_optional or _inner(field) is not None, field.name


@INPUTS
def test_rules_compile_and_run(message: DescMessage) -> None:
    """A rule that does not evaluate fails at the first request, not at the start."""
    protovalidate.Validator().collect_violations(message.type())


def test_redacted_fields_are_exactly_the_secrets() -> None:
    found = {
        f"{message.type_name}.{field.name}"
        for message in _messages()
        for field in message.fields
        if _policy(field).redact and message.type_name.split(".")[1] in AREAS
    }
    assert found == {
        "unkey.keys.v2.CreateKeyResponse.key",
        "unkey.keys.v2.Key.plaintext",
        "unkey.keys.v2.MigrateKeysItem.hash",
        "unkey.keys.v2.MigrateKeysResponse.failed",
        "unkey.keys.v2.MigratedKey.hash",
        "unkey.keys.v2.RerollKeyResponse.key",
        "unkey.keys.v2.VerifyKeyRequest.key",
        "unkey.keys.v2.WhoamiRequest.key",
        "unkey.rootkeys.v2.CreateKeyResponse.key",
        "unkey.rootkeys.v2.RerollKeyResponse.key",
    }
