"""keys.setRoles, through the whole application, with real stores."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.keys import KeyWorld, fresh

pytestmark = pytest.mark.integration


class TestSuccess:
    async def test_key_has_exactly_the_requested_ones_afterwards(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.give_role(key.id, await world.role("gone"))
        await world.give_role(key.id, await world.role("kept"))
        await world.role("new")
        data = await world.ok("setRoles", {"keyId": key.id, "roles": ["new", "kept"]})
        assert [role["name"] for role in data] == ["new", "kept"]
        entries = await world.audit()
        assert [entry["description"] for entry in entries] == [
            f"Removed role gone from key {key.id}",
            f"Added role new to key {key.id}",
        ]
        assert entries[0]["correlation_id"] == entries[1]["correlation_id"]

    async def test_empty_list_clears_and_the_same_set_writes_no_event(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.give_role(key.id, await world.role("r"))
        await world.ok("setRoles", {"keyId": key.id, "roles": ["r"]})
        assert await world.audit() == []
        assert await world.ok("setRoles", {"keyId": key.id, "roles": []}) == []
        assert "roles" not in await world.ok("getKey", {"keyId": key.id})

    async def test_ten_sets_at_once_all_succeed_and_exactly_one_role_remains(self, world: KeyWorld) -> None:
        key = await world.key()
        for n in range(10):
            await world.role(f"role {n}")
        answers = await asyncio.gather(
            *(world.call("setRoles", {"keyId": key.id, "roles": [f"role {n}"]}) for n in range(10))
        )
        assert [answer.status for answer in answers] == [200] * 10
        assert len((await world.ok("getKey", {"keyId": key.id}))["roles"]) == 1


class TestNotFound:
    async def test_id_of_a_role_and_a_foreign_role_are_404(self, world: KeyWorld) -> None:
        key, id_ = await world.key(), await world.role("known")
        await world.role("foreign", workspace_id=await world.workspace())
        for name in (id_, "foreign"):
            assert (await world.call("setRoles", {"keyId": key.id, "roles": [name]})).status == 404


class TestDenied:
    async def test_without_permission_to_update_the_key_it_is_403(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.role("known")
        root = await world.root_key("api.*.read_key", "rbac.*.add_role_to_key")
        answer = await world.call("setRoles", {"keyId": key.id, "roles": ["known"]}, root=root.secret)
        assert answer.status == 403


class TestInvalid:
    @pytest.mark.parametrize("roles", [[""], ["r" * 129], ["r"] * 101, None])
    async def test_malformed_list_is_400(self, world: KeyWorld, roles: object) -> None:
        assert (await world.call("setRoles", {"keyId": "key_1", "roles": roles})).status == 400


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("setRoles", {"keyId": "key_1", "roles": ["r"]}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
