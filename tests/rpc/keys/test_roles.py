"""keys.addRoles, keys.removeRoles and keys.setRoles, through the whole application, with real stores."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.keys import KeyWorld

pytestmark = pytest.mark.integration


class TestAddRoles:
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


class TestRemoveRoles:
    async def test_removed_ones_stop_counting_at_once_and_the_rest_is_answered(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.give_role(key.id, await world.role("a", "from.a"))
        await world.give_role(key.id, await world.role("b", "from.b"))
        assert (await world.verify(key.secret, permissions="from.a"))["valid"]
        data = await world.ok("removeRoles", {"keyId": key.id, "roles": ["a"]})
        assert [(r["name"], [p["slug"] for p in r["permissions"]]) for r in data] == [("b", ["from.b"])]
        assert not (await world.verify(key.secret, permissions="from.a"))["valid"]
        (entry,) = await world.audit()
        assert entry["description"] == f"Removed role a from key {key.id}"

    async def test_update_key_alone_suffices_and_unlinked_roles_change_nothing(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.role("free")
        root = await world.root_key("api.*.update_key")
        assert await world.ok("removeRoles", {"keyId": key.id, "roles": ["free"]}, root=root.secret) == []
        assert await world.audit() == []

    async def test_unknown_role_is_404(self, world: KeyWorld) -> None:
        key = await world.key()
        assert (await world.call("removeRoles", {"keyId": key.id, "roles": ["gone"]})).status == 404


class TestSetRoles:
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

    async def test_id_of_a_role_and_a_foreign_role_are_404(self, world: KeyWorld) -> None:
        key, id_ = await world.key(), await world.role("known")
        await world.role("foreign", workspace_id=await world.workspace())
        for name in (id_, "foreign"):
            assert (await world.call("setRoles", {"keyId": key.id, "roles": [name]})).status == 404
