"""keys.setPermissions, through the whole application, with real stores."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.keys import KeyWorld, fresh

pytestmark = pytest.mark.integration


class TestSuccess:
    async def test_key_has_exactly_the_requested_ones_afterwards(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.grant(key.id, ["gone", "kept"])
        data = await world.ok("setPermissions", {"keyId": key.id, "permissions": ["new.one", "kept"]})
        assert [p["slug"] for p in data] == ["kept", "new.one"]
        assert sorted((await world.verify(key.secret))["permissions"]) == ["kept", "new.one"]
        assert [entry["event"] for entry in await world.audit()] == [
            "authorization.disconnect_permission_and_key",
            "permission.create",
            "authorization.connect_permission_and_key",
        ]

    async def test_empty_list_clears_and_is_answered_as_such(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.grant(key.id, ["a"])
        assert await world.ok("setPermissions", {"keyId": key.id, "permissions": []}) == []
        assert "permissions" not in await world.verify(key.secret)

    async def test_same_set_leaves_links_alone_and_writes_no_event(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.grant(key.id, ["a", "b"])
        before = await world.sql(f"SELECT pk, updated_at_m FROM keys_permissions WHERE key_id='{key.id}' ORDER BY pk")
        await world.ok("setPermissions", {"keyId": key.id, "permissions": ["b", "a"]})
        after = await world.sql(f"SELECT pk, updated_at_m FROM keys_permissions WHERE key_id='{key.id}' ORDER BY pk")
        assert after == before
        assert await world.audit() == []

    async def test_ten_sets_at_once_all_succeed_and_one_of_them_wins(self, world: KeyWorld) -> None:
        key = await world.key()
        answers = await asyncio.gather(
            *(world.call("setPermissions", {"keyId": key.id, "permissions": [f"slug.{n}"]}) for n in range(10))
        )
        assert [answer.status for answer in answers] == [200] * 10
        assert len((await world.ok("getKey", {"keyId": key.id}))["permissions"]) == 1


class TestNotFoundAndDenied:
    async def test_adding_alone_still_needs_permission_to_remove(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.permission("known")
        root = await world.root_key("api.*.update_key", "rbac.*.add_permission_to_key")
        body = {"keyId": key.id, "permissions": ["known"]}
        assert (await world.call("setPermissions", body, root=root.secret)).status == 403

    async def test_absent_key_is_404(self, world: KeyWorld) -> None:
        assert (await world.call("setPermissions", {"keyId": "key_absent", "permissions": []})).status == 404


class TestInvalid:
    @pytest.mark.parametrize("permissions", [["a b"], ["p" * 129], None])
    async def test_malformed_list_is_400(self, world: KeyWorld, permissions: object) -> None:
        assert (await world.call("setPermissions", {"keyId": "key_1", "permissions": permissions})).status == 400


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("setPermissions", {"keyId": "key_1", "permissions": []}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
