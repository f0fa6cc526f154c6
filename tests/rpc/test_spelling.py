"""Names that a language holds equal and a program does not: every one of them is a name of its own, everywhere."""

from __future__ import annotations

import secrets

import pytest

from tests.rpc.published.world import World
from tests.support.harness import Caller, Harness

pytestmark = pytest.mark.integration
COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
JOINED = "caf\u00e9\u200d"
SPELLINGS = [COMPOSED, DECOMPOSED, JOINED]
LIMITS = [{"name": name, "limit": n, "duration": 60_000, "autoApply": True} for n, name in enumerate(SPELLINGS, 1)]


@pytest.fixture
async def admin(api: Harness) -> Caller:
    return await api.admin()


async def made(api: Harness, admin: Caller, operation: str, body: object) -> dict[str, object]:
    answer = await api.post(f"/v2/{operation}", body, admin)
    assert answer.status == 200, answer.body
    data = answer.json["data"]
    assert isinstance(data, dict)
    return data


async def new_api(api: Harness, admin: Caller) -> str:
    return str((await made(api, admin, "apis.createApi", {"name": "an api"}))["apiId"])


def names_and_limits(limits: object) -> set[tuple[str, int]]:
    assert isinstance(limits, list)
    return {(limit["name"], limit["limit"]) for limit in limits}


async def test_limits_of_an_identity(api: Harness, admin: Caller) -> None:
    owner = f"user_{secrets.token_hex(4)}"
    await made(api, admin, "identities.createIdentity", {"externalId": owner, "ratelimits": LIMITS[:2]})
    found = await made(api, admin, "identities.updateIdentity", {"identity": owner, "ratelimits": LIMITS})
    assert names_and_limits(found["ratelimits"]) == {(COMPOSED, 1), (DECOMPOSED, 2), (JOINED, 3)}


async def test_limits_of_a_key(api: Harness, admin: Caller) -> None:
    body = {"apiId": await new_api(api, admin), "ratelimits": LIMITS}
    created = await made(api, admin, "keys.createKey", body)
    found = await made(api, admin, "keys.getKey", {"keyId": created["keyId"]})
    assert names_and_limits(found["ratelimits"]) == {(COMPOSED, 1), (DECOMPOSED, 2), (JOINED, 3)}
    await made(api, admin, "keys.updateKey", {"keyId": created["keyId"], "ratelimits": LIMITS[1:]})
    found = await made(api, admin, "keys.getKey", {"keyId": created["keyId"]})
    assert names_and_limits(found["ratelimits"]) == {(DECOMPOSED, 2), (JOINED, 3)}


async def test_overrides(api: Harness, admin: Caller) -> None:
    """The override of one spelling applies to that spelling, and to no other."""
    namespace = f"ns_{secrets.token_hex(4)}"
    await made(
        api, admin, "ratelimit.limit", {"namespace": namespace, "identifier": "u", "limit": 1, "duration": 60_000}
    )
    for limit, identifier in enumerate(SPELLINGS, 10):
        override = {"namespace": namespace, "identifier": identifier, "limit": limit, "duration": 60_000}
        await made(api, admin, "ratelimit.setOverride", override)
    for limit, identifier in enumerate(SPELLINGS, 10):
        asked = {"namespace": namespace, "identifier": identifier, "limit": 1, "duration": 60_000}
        assert (await made(api, admin, "ratelimit.limit", asked))["limit"] == limit
        shown = await made(api, admin, "ratelimit.getOverride", {"namespace": namespace, "identifier": identifier})
        assert (shown["identifier"], shown["limit"]) == (identifier, limit)
    await made(api, admin, "ratelimit.deleteOverride", {"namespace": namespace, "identifier": DECOMPOSED})
    left = await made(api, admin, "ratelimit.getOverride", {"namespace": namespace, "identifier": COMPOSED})
    assert left["limit"] == 10


async def test_namespaces(api: Harness, admin: Caller) -> None:
    """Calls under one spelling do not count for the other, also when both are in one request."""
    checks = [
        {"namespace": name, "identifier": "u", "limit": 5, "duration": 60_000, "cost": cost}
        for cost, name in enumerate(SPELLINGS, 1)
    ]
    answer = await api.post("/v2/ratelimit.multiLimit", checks, admin)
    assert answer.status == 200, answer.body
    assert [each["remaining"] for each in answer.json["data"]["limits"]] == [4, 3, 2]


async def test_external_ids_of_imported_keys(api: Harness, admin: Caller) -> None:
    migration_id = await World(api, admin).new_migration()
    api_id = await new_api(api, admin)
    keys = [{"hash": secrets.token_hex(32), "externalId": name} for name in SPELLINGS]
    body = {"migrationId": migration_id, "apiId": api_id, "keys": keys}
    done = await made(api, admin, "keys.migrateKeys", body)
    assert done["failed"] == []
    listed = await api.post("/v2/apis.listKeys", {"apiId": api_id}, admin)
    owners = {key["identity"]["externalId"] for key in listed.json["data"]}
    assert owners == set(SPELLINGS)


async def test_hashes_of_imported_keys(api: Harness, admin: Caller) -> None:
    migration_id = await World(api, admin).new_migration()
    keys = [{"hash": f"{name}-{'x' * 20}"} for name in SPELLINGS]
    body = {"migrationId": migration_id, "apiId": await new_api(api, admin), "keys": keys}
    done = await made(api, admin, "keys.migrateKeys", body)
    assert done["failed"] == []
    again = await made(api, admin, "keys.migrateKeys", body)
    assert again["failed"] == [key["hash"] for key in keys]


async def test_names_in_a_search_for_an_identity(api: Harness, admin: Caller) -> None:
    owner = f"bob{secrets.token_hex(4)}"
    await made(api, admin, "identities.createIdentity", {"externalId": owner})
    for other in (f"{owner}\u200d", f"{owner} "):
        assert (await api.post("/v2/identities.getIdentity", {"identity": other}, admin)).status == 404
