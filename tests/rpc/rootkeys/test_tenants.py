"""Operations on ordinary keys and APIs never reach root keys, not even for the workspace their rows are in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rpc.rootkeys.making import Ring, urn_of
from tests.support.harness import Caller
from unkey_api.admin.types import all_permissions
from unkey_api.areas.rootkeys.keyspace import ROOT_API, ROOT_WORKSPACE

pytestmark = pytest.mark.integration

BY_ID: dict[str, dict[str, Any]] = {
    "keys.getKey": {},
    "keys.updateKey": {"enabled": True},
    "keys.deleteKey": {"permanent": True},
    "keys.rerollKey": {"expiration": 0},
    "keys.updateCredits": {"operation": "set", "value": 1},
    "keys.addPermissions": {"permissions": ["a.b"]},
    "keys.removePermissions": {"permissions": ["a.b"]},
    "keys.setPermissions": {"permissions": []},
    "keys.addRoles": {"roles": ["r"]},
    "keys.removeRoles": {"roles": ["r"]},
    "keys.setRoles": {"roles": []},
}


@pytest.fixture
async def keeper(ring: Ring) -> Caller:
    """May do everything in the workspace where the rows of root keys are."""
    await ring.create()
    issued = await ring.api.admin_service.create_root_key(
        ROOT_WORKSPACE, "keeper", all_permissions(ROOT_WORKSPACE), over_root_keys=True
    )
    return await ring.api.known(Caller(ROOT_WORKSPACE, issued.secret.reveal()))


@pytest.mark.parametrize("operation", BY_ID)
async def test_root_key_is_no_key_of_the_workspace_it_is_in(ring: Ring, keeper: Caller, operation: str) -> None:
    made = await ring.create(permissions=[ring.urn("usage#read")])
    before = (await ring.listed())[made["keyId"]]
    answer = await ring.api.post(f"/v2/{operation}", {"keyId": made["keyId"], **BY_ID[operation]}, keeper)
    absent = await ring.api.post(f"/v2/{operation}", {"keyId": "key_absent", **BY_ID[operation]}, keeper)
    assert (answer.status, urn_of(answer)) == (404, "key_not_found")
    assert answer.json["error"] == absent.json["error"]
    assert (await ring.listed())[made["keyId"]] == before
    assert await ring.status_of(made["key"]) == 200


async def test_secret_of_a_root_key_says_nothing(ring: Ring, keeper: Caller) -> None:
    made = await ring.create()
    whoami = await ring.api.post("/v2/keys.whoami", {"key": made["key"]}, keeper)
    assert (whoami.status, urn_of(whoami)) == (404, "key_not_found")


async def test_root_keys_are_not_listed_and_their_api_cannot_be_deleted(ring: Ring, keeper: Caller) -> None:
    listed = await ring.api.post("/v2/apis.listKeys", {"apiId": ROOT_API}, keeper)
    assert (listed.status, listed.json["data"]) == (200, [])
    deleted = await ring.api.post("/v2/apis.deleteApi", {"apiId": ROOT_API}, keeper)
    assert deleted.status == 412
