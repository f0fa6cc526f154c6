"""Translation of WorkOS permissions."""

from __future__ import annotations

import pytest

from unkey_api.core.permission_vocabulary import translate_workos_permissions
from unkey_api.core.urn import parse_urn_grant

ENVIRONMENT = "projects/*/apps/*/environments/*"
EXPECTED = {
    "admin:*": ["**#*"],
    "deployments:rollback": [f"{ENVIRONMENT}/deployments/*#rollback_deployment"],
    "projects:update": ["projects/*#update_project"],
    "apps:delete": ["projects/*/apps/*#delete_app"],
    "environments:read": [f"{ENVIRONMENT}#read_environment"],
    "environment_variables:set": [f"{ENVIRONMENT}#set_environment_variables"],
    "identities:create": ["projects/*/identities/*#create_identity"],
    "keys:create": ["keyspaces/*#create_key"],
    "keys:read": ["keyspaces/*/keys/*#read_key", "keyspaces/*#read_keyspace"],
    "keys:decrypt": ["keyspaces/*/keys/*#decrypt_key"],
}


@pytest.mark.parametrize("slug", EXPECTED)
def test_slug_becomes_grants_of_the_workspace(slug: str) -> None:
    translation = translate_workos_permissions([slug], "ws_1")
    assert list(translation.permissions) == [f"unkey:v1:ws_1:{grant}" for grant in EXPECTED[slug]]
    assert all(parse_urn_grant(grant) for grant in translation.permissions)


def test_unknown_slugs_are_set_apart_without_trimming() -> None:
    translation = translate_workos_permissions(["keys:explode", " apps:create", "apps:create"], "ws_1")
    assert translation.permissions == ("unkey:v1:ws_1:projects/*/apps/*#create_app",)
    assert translation.unknown == ("keys:explode", " apps:create")


def test_order_and_duplicates_are_kept() -> None:
    translation = translate_workos_permissions(["keys:update", "apps:create", "keys:update"], "ws_1")
    actions = [grant.rpartition("#")[2] for grant in translation.permissions]
    assert actions == ["update_key", "create_app", "update_key"]
