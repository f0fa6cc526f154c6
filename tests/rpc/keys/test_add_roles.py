"""keys.addRoles, through the whole application, with real stores."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.keys import KeyWorld, fresh

pytestmark = pytest.mark.integration


class TestSuccess:
    async def test_earlier_ones_first_each_with_its_permissions(self, world: KeyWorld) -> None:
        key = await world.key(name="k")
        had = await world.role("z had")
        await world.give_role(key.id, had)
        role = await world.role("a role", "docs.write", "docs.read")
        await world.verify(key.secret)
        data = await world.ok("addRoles", {"keyId": key.id, "roles": ["a role", "z had", "a role"]})
        assert data[0] == {"id": had, "name": "z had"}
        assert (data[1]["id"], [p["slug"] for p in data[1]["permissions"]]) == (role, ["docs.read", "docs.write"])
        assert (await world.verify(key.secret, permissions="docs.read"))["roles"] in (
            ["a role", "z had"],
            ["z had", "a role"],
        )
        (entry,) = await world.audit()
        assert entry["event"] == "authorization.connect_role_and_key"
        assert entry["description"] == f"Added role a role to key {key.id}"
        assert "correlation_id" not in entry

    async def test_linked_roles_change_nothing(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.give_role(key.id, await world.role("r"))
        assert [r["name"] for r in await world.ok("addRoles", {"keyId": key.id, "roles": ["r"]})] == ["r"]
        assert await world.audit() == []

    async def test_ten_additions_at_once_all_succeed_of_different_and_of_the_same_roles(self, world: KeyWorld) -> None:
        key = await world.key()
        names = [f"role {n}" for n in range(5)]
        for name in names:
            await world.role(name)
        answers = await asyncio.gather(
            *(world.call("addRoles", {"keyId": key.id, "roles": [names[n % 5]]}) for n in range(10))
        )
        assert [answer.status for answer in answers] == [200] * 10
        assert sorted((await world.ok("getKey", {"keyId": key.id}))["roles"]) == names


class TestNotFoundAndDenied:
    async def test_one_unknown_role_among_several_is_404_and_adds_none(self, world: KeyWorld) -> None:
        key, id_ = await world.key(), await world.role("known")
        await world.role("foreign", workspace_id=await world.workspace())
        for unknown in ("gone", "Known", "foreign", id_):
            answer = await world.call("addRoles", {"keyId": key.id, "roles": ["known", unknown]})
            assert (answer.status, answer.json["error"]["detail"]) == (404, f"Role '{unknown}' was not found.")
        assert "roles" not in await world.ok("getKey", {"keyId": key.id})

    async def test_deleted_key_is_404_and_half_the_grants_403(self, world: KeyWorld) -> None:
        await world.role("known")
        gone, key = await world.key(deleted_at_m=1), await world.key()
        root = await world.root_key("api.*.update_key")
        assert (await world.call("addRoles", {"keyId": gone.id, "roles": ["known"]})).status == 404
        answer = await world.call("addRoles", {"keyId": key.id, "roles": ["known"]}, root=root.secret)
        assert answer.status == 403


class TestInvalid:
    @pytest.mark.parametrize("roles", [[], [""], ["r" * 129], ["r"] * 101, None])
    async def test_malformed_list_is_400(self, world: KeyWorld, roles: object) -> None:
        assert (await world.call("addRoles", {"keyId": "key_1", "roles": roles})).status == 400


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("addRoles", {"keyId": "key_1", "roles": ["r"]}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
