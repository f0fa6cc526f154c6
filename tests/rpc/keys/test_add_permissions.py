"""keys.addPermissions, through the whole application, with real stores."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.keys import KeyWorld, fresh

pytestmark = pytest.mark.integration


class TestSuccess:
    async def test_answer_lists_earlier_ones_first_and_missing_ones_are_created(self, world: KeyWorld) -> None:
        key = await world.key(name="k")
        had = await world.grant(key.id, ["m.had"])
        known = await world.permission("a.known")
        await world.verify(key.secret)
        data = await world.ok("addPermissions", {"keyId": key.id, "permissions": ["z.new", "a.known", "z.new"]})
        assert (data[0]["id"], data[0]["slug"], data[0]["name"]) == (had[0], "m.had", "m.had")
        assert [p["slug"] for p in data] == ["m.had", "z.new", "a.known"]
        assert data[2]["id"] == known
        assert set(data[1]) == {"id", "name", "slug"}
        assert (await world.verify(key.secret, permissions="z.new and a.known"))["valid"]

    async def test_created_first_then_connected_under_one_correlation(self, world: KeyWorld) -> None:
        key = await world.key(name="k")
        data = await world.ok("addPermissions", {"keyId": key.id, "permissions": ["a.new"]})
        created, connected = await world.audit()
        id_ = data[0]["id"]
        assert (created["event"], created["description"]) == ("permission.create", f"Created a.new ({id_})")
        assert created["targets"][0]["meta"] == {"name": "a.new", "slug": "a.new"}
        assert connected["description"] == f"Added permission a.new to key {key.id}"
        assert [(t["type"], t["name"]) for t in connected["targets"]] == [("key", "k"), ("permission", "a.new")]
        assert created["correlation_id"] == connected["correlation_id"]

    async def test_adding_twice_changes_nothing_and_writes_no_event(self, world: KeyWorld) -> None:
        key = await world.key()
        body = {"keyId": key.id, "permissions": ["a", "b"]}
        first = await world.ok("addPermissions", body)
        events = len(await world.audit())
        assert await world.ok("addPermissions", body) == first
        assert len(await world.audit()) == events

    async def test_id_of_a_permission_is_taken_as_a_slug(self, world: KeyWorld) -> None:
        key, id_ = await world.key(), await world.permission("docs.read")
        (added,) = await world.ok("addPermissions", {"keyId": key.id, "permissions": [id_]})
        assert (added["slug"], added["id"] == id_) == (id_, False)

    async def test_urn_grant_on_the_key_alone_suffices(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.permission("known")
        path = f"keyspaces/{world.api.keyspace_id}/keys/{key.id}"
        root = await world.root_key(f"unkey:v1:{world.workspace_id}:{path}#update_key")
        await world.ok("addPermissions", {"keyId": key.id, "permissions": ["known"]}, root=root.secret)

    async def test_ten_overlapping_additions_all_succeed_and_the_union_results(self, world: KeyWorld) -> None:
        key = await world.key()
        slugs = [f"slug.{n}" for n in range(12)]
        answers = await asyncio.gather(
            *(world.call("addPermissions", {"keyId": key.id, "permissions": slugs[n : n + 3]}) for n in range(10))
        )
        assert [answer.status for answer in answers] == [200] * 10
        shown = await world.ok("getKey", {"keyId": key.id})
        assert shown["permissions"] == sorted(slugs)

    async def test_creators_of_one_new_slug_on_different_keys_all_succeed(self, world: KeyWorld) -> None:
        keys = [await world.key() for _ in range(10)]
        answers = await asyncio.gather(
            *(world.call("addPermissions", {"keyId": key.id, "permissions": ["same.new"]}) for key in keys)
        )
        assert [answer.status for answer in answers] == [200] * 10
        assert await world.count("permissions", f"workspace_id='{world.workspace_id}'") == 1


class TestDenied:
    async def test_tuple_grants_need_both_halves(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.permission("known")
        for grants in (["api.*.update_key"], ["rbac.*.add_permission_to_key"]):
            root = await world.root_key(*grants)
            answer = await world.call("addPermissions", {"keyId": key.id, "permissions": ["known"]}, root=root.secret)
            assert answer.status == 403

    async def test_creating_needs_a_permission_of_its_own_and_nothing_is_written_without(self, world: KeyWorld) -> None:
        key = await world.key()
        root = await world.root_key("api.*.update_key", "rbac.*.add_permission_to_key")
        body = {"keyId": key.id, "permissions": ["new.one"]}
        answer = await world.call("addPermissions", body, root=root.secret)
        assert answer.status == 403
        assert "create_permission" in answer.json["error"]["detail"]
        assert await world.count("permissions", f"workspace_id='{world.workspace_id}'") == 0


class TestNotFoundAndInvalid:
    async def test_foreign_key_is_404(self, world: KeyWorld) -> None:
        foreign = await world.key(await world.make_api(await world.workspace()))
        answer = await world.call("addPermissions", {"keyId": foreign.id, "permissions": ["a"]})
        assert (answer.status, answer.json["error"]["detail"]) == (404, "The specified key was not found.")

    @pytest.mark.parametrize("permissions", [[], ["a b"], ["p" * 129], None])
    async def test_malformed_list_is_400(self, world: KeyWorld, permissions: object) -> None:
        key = await world.key()
        assert (await world.call("addPermissions", {"keyId": key.id, "permissions": permissions})).status == 400


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("addPermissions", {"keyId": "key_1", "permissions": ["a"]}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
