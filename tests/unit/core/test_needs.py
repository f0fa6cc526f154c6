"""What a permission is good for."""

from __future__ import annotations

import pytest

from unkey_api.core.needs import KEY, KEYSPACE, WORKSPACE, Need, covers, uses_of
from unkey_api.core.rbac import all_of, any_of, tuple_, urn

NEEDED = f"unkey:v1:{WORKSPACE}:keyspaces/{KEYSPACE}/keys/{KEY}#read_key"


@pytest.mark.parametrize("path", ["keyspaces/*/keys/*", "keyspaces/ks_1/keys/key_1", "keyspaces/**", "keyspaces/k/**"])
def test_urn_covers_resources_of_the_kind(path: str) -> None:
    assert covers(f"unkey:v1:ws:{path}#read_key", NEEDED)


@pytest.mark.parametrize("text", ["keyspaces/*#read_key", "keyspaces/*/keys/*#delete_key", "rbac/*/keys/*#read_key"])
def test_urn_of_something_else_does_not(text: str) -> None:
    assert not covers(f"unkey:v1:ws:{text}", NEEDED)


def test_everything_covers_urns_and_no_tuple() -> None:
    assert covers("unkey:v1:ws:**#*", NEEDED)
    assert not covers("unkey:v1:ws:**#*", "api.*.read_key")
    assert not covers("api.*.read_key", NEEDED)


@pytest.mark.parametrize(
    ("held", "needed", "expected"),
    [
        ("api.*.read_key", "api.*.read_key", True),
        ("api.api_1.read_key", "api.<apiId>.read_key", True),
        ("api.*.read_key", "api.<apiId>.read_key", False),
        ("api.api_1.read_key", "api.*.read_key", False),
        ("api.api_1.read_api", "api.<apiId>.read_key", False),
    ],
)
def test_tuples_are_compared_as_text(held: str, needed: str, *, expected: bool) -> None:
    assert covers(held, needed) is expected


def test_uses_tell_what_else_is_needed() -> None:
    joined = Need(any_of(urn(WORKSPACE, "x", "do"), all_of(tuple_("a", "*", "b"), tuple_("c", "*", "d"))), "at times")
    operations = {
        "x.one": (joined,),
        "x.two": (Need(tuple_("a", "*", "b")),),
        "x.three": (Need(tuple_("e", "*", "f")),),
    }
    assert [(use.operation, use.also) for use in uses_of("a.*.b", operations)] == [("x.one", ("c.*.d",)), ("x.two", ())]
    assert [(use.operation, use.need.when) for use in uses_of("unkey:v1:w:x#do", operations)] == [("x.one", "at times")]
