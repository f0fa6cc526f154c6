"""One thing created by several callers at once exists once, and nobody is told otherwise."""

from __future__ import annotations

import pytest

from tests.rpc.concurrency.racing import ROUNDS, Track, fresh, rounds, statuses
from tests.support.transfer import native

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


async def test_identity(track: Track) -> None:
    async def race(_: int) -> None:
        body = {
            "externalId": fresh("user"),
            "ratelimits": [{"name": "requests", "limit": 5, "duration": 60_000, "autoApply": True}],
        }
        assert statuses(await track.at_once(*[("identities.createIdentity", body)] * 4)) == [200, 409, 409, 409]

    await rounds(race, abreast=4)
    assert await track.count("identities") == ROUNDS
    assert await track.count("ratelimits") == ROUNDS
    assert await track.told("identity.create") == ROUNDS


async def test_identity_and_permissions_on_the_way_to_a_key(track: Track) -> None:
    """Callers name the permissions in different orders: whoever locks in order of appearance deadlocks."""

    async def race(_: int) -> None:
        user, slugs = fresh("user"), [fresh("a"), fresh("b"), fresh("c")]
        turned = [slugs[n % 3 :] + slugs[: n % 3] for n in range(4)]
        bodies = [{"apiId": track.api_id, "externalId": user, "permissions": named} for named in turned]
        assert statuses(await track.at_once(*(("keys.createKey", body) for body in bodies))) == [200] * 4

    await rounds(race, abreast=4)
    assert await track.count("identities") == ROUNDS
    assert await track.count("permissions") == 3 * ROUNDS
    assert await track.count("keys_permissions") == 3 * 4 * ROUNDS
    assert await track.count("keys") == 4 * ROUNDS


@pytest.mark.parametrize(
    ("operation", "field", "table", "event"),
    [
        ("permissions.createPermission", "slug", "permissions", "permission.create"),
        ("permissions.createRole", "name", "roles", "role.create"),
    ],
)
async def test_permission_or_role(track: Track, operation: str, field: str, table: str, event: str) -> None:
    async def race(_: int) -> None:
        name = fresh()
        assert statuses(await track.at_once(*[(operation, {"name": name, field: name})] * 4)) == [200, 409, 409, 409]

    await rounds(race, abreast=4)
    assert await track.count(table) == ROUNDS
    assert await track.told(event) == ROUNDS


async def test_namespace_on_the_way_to_a_limit(track: Track) -> None:
    """Whichever creates it, all count in the same one."""

    async def race(_: int) -> None:
        body = {"namespace": fresh("ns"), "identifier": "user", "limit": 3, "duration": 60_000}
        answers = await track.at_once(*[("ratelimit.limit", body)] * 5)
        assert statuses(answers) == [200] * 5
        assert sorted(answer.json["data"]["success"] for answer in answers) == [False, False, True, True, True]

    await rounds(race, abreast=4)
    assert await track.count("ratelimit_namespaces") == ROUNDS
    assert await track.told("ratelimitNamespace.create") == ROUNDS


async def test_override(track: Track) -> None:
    await track.ok("ratelimit.limit", {"namespace": "ns", "identifier": "user", "limit": 5, "duration": 60_000})

    async def race(number: int) -> None:
        body = {"namespace": "ns", "identifier": f"user {number}", "limit": 9, "duration": 60_000}
        answers = await track.at_once(*[("ratelimit.setOverride", body)] * 4)
        assert len({answer.json["data"]["overrideId"] for answer in answers}) == 1

    await rounds(race, abreast=4)
    assert await track.count("ratelimit_overrides") == ROUNDS


async def test_migrated_key(track: Track) -> None:
    """One caller moves it; the others are told that theirs failed."""
    migration = fresh("mig")
    values = f"NULL, '{migration}', '{track.workspace_id}', 'sha256'"
    await track.sql(f"INSERT INTO key_migrations VALUES ({values})")

    async def race(_: int) -> None:
        moved = native(fresh("old"))
        body = {"migrationId": migration, "apiId": track.api_id, "keys": [{"hash": moved, "externalId": fresh("user")}]}
        answers = await track.at_once(*[("keys.migrateKeys", body)] * 4)
        assert sorted(len(answer.json["data"]["migrated"]) for answer in answers) == [0, 0, 0, 1]
        assert sum(answer.json["data"]["failed"] == [moved] for answer in answers) == 3

    await rounds(race, abreast=8)
    assert await track.count("keys", f"pending_migration_id = '{migration}'") == ROUNDS
