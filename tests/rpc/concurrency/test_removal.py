"""One thing removed while others use it: they get it or are told that it is gone, and nothing of it stays."""

from __future__ import annotations

import asyncio

import pytest

from tests.rpc.concurrency.racing import ROUNDS, Call, Track, fresh, rounds, statuses
from tests.support.mysql import run_sql

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


async def test_key_updated_and_verified_while_it_is_deleted(track: Track) -> None:
    async def race(_: int) -> None:
        made = await track.key()
        key = {"keyId": made["keyId"]}
        changes: list[Call] = [
            ("keys.updateKey", {**key, "externalId": fresh("user"), "ratelimits": []}),
            ("keys.verifyKey", {"key": made["key"]}),
            ("keys.deleteKey", key),
            ("keys.addPermissions", {**key, "permissions": ["documents.read"]}),
        ]
        answers = await track.at_once(*changes)
        assert answers[2].status == 200
        assert {answers[0].status, answers[3].status} <= {200, 404}
        assert answers[1].json["data"]["code"] in {"VALID", "NOT_FOUND"}
        assert (await track.ask("keys.getKey", key)).status == 404
        assert (await track.ok("keys.verifyKey", {"key": made["key"]}))["code"] == "NOT_FOUND"

    await rounds(race, abreast=4)
    assert await track.count("keys", "deleted_at_m IS NULL") == 0
    assert await track.told("key.delete") == ROUNDS


async def test_key_deleted_by_several(track: Track) -> None:
    async def race(_: int) -> None:
        key_id = (await track.key())["keyId"]
        answers = await track.at_once(*[("keys.deleteKey", {"keyId": key_id, "permanent": True})] * 3)
        assert statuses(answers) == [200, 404, 404]

    await rounds(race, abreast=4)
    assert await track.count("keys") == 0
    assert await track.told("key.delete") == ROUNDS


async def test_identity_updated_and_given_keys_while_it_is_deleted(track: Track) -> None:
    """A key created meanwhile belongs to the old identity or to a new one; the old one is gone in any case."""

    async def race(_: int) -> None:
        user = fresh("user")
        limits = [{"name": "requests", "limit": 5, "duration": 60_000, "autoApply": True}]
        old = await track.ok("identities.createIdentity", {"externalId": user, "ratelimits": limits})
        answers = await track.at_once(
            ("identities.updateIdentity", {"identity": user, "meta": {"a": 1}, "ratelimits": limits}),
            ("identities.deleteIdentity", {"identity": user}),
            ("keys.createKey", {"apiId": track.api_id, "externalId": user}),
        )
        assert answers[0].status in {200, 404}
        assert (answers[1].status, answers[2].status) == (200, 200)
        found = await track.ask("identities.getIdentity", {"identity": user})
        assert found.status == 404 or found.json["data"]["id"] != old["identityId"]

    await rounds(race, abreast=4)
    assert await track.told("identity.delete") == ROUNDS


@pytest.mark.parametrize(("kind", "plural"), [("permission", "permissions"), ("role", "roles")])
async def test_permission_or_role_added_while_it_is_deleted(track: Track, kind: str, plural: str) -> None:
    """A key holds nothing that is not there. A permission that is missing is made anew, a role is not."""
    key_id = (await track.key())["keyId"]

    async def race(_: int) -> None:
        name = fresh()
        field = {"slug": name} if kind == "permission" else {}
        await track.ok(f"permissions.create{kind.capitalize()}", {"name": name, **field})
        answers = await track.at_once(
            (f"permissions.delete{kind.capitalize()}", {kind: name}),
            (f"keys.add{plural.capitalize()}", {"keyId": key_id, plural: [name]}),
            (f"permissions.update{kind.capitalize()}", {kind: name, "description": "d"}),
        )
        assert answers[0].status == 200
        assert {answers[1].status, answers[2].status} <= {200, 404}
        there = (await track.ask(f"permissions.get{kind.capitalize()}", {kind: name})).status == 200
        held = (await track.ok("keys.getKey", {"keyId": key_id})).get(plural, [])
        assert (held, there) in [([], False), ([name], True)]
        await track.ok(f"keys.set{plural.capitalize()}", {"keyId": key_id, plural: []})

    await rounds(race)
    assert await track.told(f"{kind}.delete") == ROUNDS


async def test_keys_created_while_their_api_is_deleted(track: Track) -> None:
    async def race(_: int) -> None:
        api_id = (await track.ok("apis.createApi", {"name": "gone"}))["apiId"]
        create: Call = ("keys.createKey", {"apiId": api_id})
        answers = await track.at_once(create, ("apis.deleteApi", {"apiId": api_id}), create)
        assert answers[1].status == 200
        assert {answers[0].status, answers[2].status} <= {200, 404}
        for answer in answers[::2]:
            if answer.status == 200:
                found = await track.ok("keys.verifyKey", {"key": answer.json["data"]["key"]})
                assert not found["valid"]

    await rounds(race, abreast=4)
    assert await track.told("api.delete") == ROUNDS


async def test_no_link_stays_of_permissions_and_roles_deleted_while_they_are_given(track: Track) -> None:
    """Keys and roles get a permission, and keys a role, at every point of its deletion."""
    key_id = (await track.key())["keyId"]
    keeper = fresh("role")
    await track.ok("permissions.createRole", {"name": keeper})

    async def race(number: int) -> None:
        slug, role = fresh("perm"), fresh("role")
        await track.ok("permissions.createPermission", {"name": slug, "slug": slug})
        await track.ok("permissions.createRole", {"name": role})
        answers = await asyncio.gather(
            track.ask("keys.addPermissions", {"keyId": key_id, "permissions": [slug]}),
            track.ask("permissions.setRolePermissions", {"role": keeper, "permissions": [slug]}),
            track.ask("keys.addRoles", {"keyId": key_id, "roles": [role]}),
            track.later(number % 40, ("permissions.deletePermission", {"permission": slug})),
            track.later(number % 40, ("permissions.deleteRole", {"role": role})),
        )
        assert [answer.status for answer in (*answers[:2], *answers[3:])] == [200] * 4
        assert answers[2].status in {200, 404}

    await rounds(race)
    mine = f"workspace_id = '{track.workspace_id}'"
    for links, of in (("keys_permissions", "permission"), ("roles_permissions", "permission"), ("keys_roles", "role")):
        absent = f"NOT EXISTS (SELECT 1 FROM {of}s x WHERE x.id = {links}.{of}_id)"
        assert await run_sql(track.dsn, f"SELECT * FROM {links} WHERE {mine} AND {absent}") == []
