"""Permissions that mean nothing are recognised, and what was probably meant is named."""

from __future__ import annotations

import pytest

from unkey_api.core.permission_vocabulary import FORM, RESOURCES, TUPLE_ACTIONS, mistake_in

WS = "unkey:v1:ws:"


@pytest.mark.parametrize(
    "permission",
    [
        f"{WS}**#*",
        f"{WS}**#read_key",
        f"{WS}keyspaces/**#read_key",
        f"{WS}keyspaces/*#create_key",
        f"{WS}keyspaces/ks_1/*#create_key",
        f"{WS}keyspaces/ks_1/**#create_key",
        f"{WS}keyspaces/*#decrypt_key",
        f"{WS}keyspaces/ks_1/keys/key_1#verify_key",
        f"{WS}*/ks_1#create_key",
        f"{WS}projects/p/apps/a#read",
        f"{WS}projects/*/rbac/permissions/*#write",
        f"{WS}projects/p/apps/a/environments/e/deployments/d/buildLogs/**#rollback_deployment",
        f"{WS}ratelimits/namespaces/*#limit",
        f"{WS}rootKeys/**#write",
        f"{WS}usage#read",
        f"{WS}billing/quotas#read",
        "api.*.create_key",
        "ratelimit.rlns_1.limit",
        "rbac.*.add_permission_to_role",
    ],
)
def test_right_ones(permission: str) -> None:
    assert mistake_in(permission, "ws") is None


def test_every_resource_and_every_tuple_is_right() -> None:
    assert [mistake_in(f"{WS}{path}#write", "ws") for path in RESOURCES] == [None] * len(RESOURCES)
    tuples = [f"{kind}.*.{action}" for kind, actions in TUPLE_ACTIONS.items() for action in actions]
    assert [mistake_in(each, "ws") for each in tuples] == [None] * len(tuples)


@pytest.mark.parametrize(
    ("permission", "meant"),
    [
        (f"{WS}keyspaces/*#Decrypt_Key", f"{WS}keyspaces/*#decrypt_key"),
        (f"{WS}keyspaces/*#décrypt_key", f"{WS}keyspaces/*#decrypt_key"),
        (f"{WS}keyspaces/*#decrypt-key", f"{WS}keyspaces/*#decrypt_key"),
        (f"{WS}keyspaces/*/keys/*#verify_keys", f"{WS}keyspaces/*/keys/*#verify_key"),
        (f"{WS}keyspace/*#create_key", f"{WS}keyspaces/*#create_key"),
        (f"{WS}Keyspaces/*#create_key", f"{WS}keyspaces/*#create_key"),
        (f"{WS}keyspaces/*/key/*#read_key", f"{WS}keyspaces/*/keys/*#read_key"),
        (f"{WS}rootkeys/*#read", f"{WS}rootKeys/*#read"),
        (f"{WS}usage#Read", f"{WS}usage#read"),
        (f"{WS}ratelimits/namespaces/*#limits", f"{WS}ratelimits/namespaces/*#limit"),
        ("apis.*.read_api", "api.*.read_api"),
        ("api.*.Read_Api", "api.*.read_api"),
        ("Ratelimit.rlns_1.limit", "ratelimit.rlns_1.limit"),
    ],
)
def test_what_was_meant_is_named(permission: str, meant: str) -> None:
    mistake = mistake_in(permission, "ws")
    assert mistake is not None
    assert mistake.endswith(f"; did you mean `{meant}`?")
    assert mistake_in(meant, "ws") is None


@pytest.mark.parametrize(
    ("permission", "reason"),
    [
        (f"{WS}usage#*", FORM),
        (f"{WS}usage", FORM),
        ("unkey:v2:ws:usage#read", FORM),
        ("unkey:v1:other:usage#read", "it names another workspace than yours, `ws`"),
        (f"{WS}kittens/*#read", "there is no resource 'kittens'"),
        (f"{WS}usage/x#read", "there is no resource 'usage/x'"),
        (f"{WS}limits#x", "'limits' has no action 'x'"),
        ("*", "it must look like `<kind>.<id or *>.<action>`, for instance `api.*.verify_key`"),
        ("api..read_api", "it must look like `<kind>.<id or *>.<action>`, for instance `api.*.verify_key`"),
        ("kittens.*.pet", "there is no kind 'kittens'"),
        ("api.*.pet_kittens", "'api' has no action 'pet_kittens'"),
    ],
)
def test_nothing_is_made_up_where_nothing_is_near(permission: str, reason: str) -> None:
    assert mistake_in(permission, "ws") == reason
