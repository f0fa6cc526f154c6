"""keys.removePermissions, through the whole application, with real stores."""

from __future__ import annotations

import pytest

from tests.support.keys import KeyWorld, fresh

pytestmark = pytest.mark.integration


class TestSuccess:
    async def test_removed_ones_stop_counting_at_once_and_the_rest_is_answered(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.grant(key.id, ["a", "b"])
        assert (await world.verify(key.secret, permissions="a"))["valid"]
        data = await world.ok("removePermissions", {"keyId": key.id, "permissions": ["a"]})
        assert [p["slug"] for p in data] == ["b"]
        assert not (await world.verify(key.secret, permissions="a"))["valid"]
        (entry,) = await world.audit()
        assert entry["event"] == "authorization.disconnect_permission_and_key"
        assert entry["description"] == f"Removed permission a from key {key.id}"
        assert "correlation_id" not in entry

    async def test_several_events_share_a_correlation(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.grant(key.id, ["a", "b"])
        assert await world.ok("removePermissions", {"keyId": key.id, "permissions": ["b", "a"]}) == []
        first, second = await world.audit()
        assert first["correlation_id"] == second["correlation_id"]

    async def test_unassigned_permission_changes_nothing(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.grant(key.id, ["a"])
        await world.permission("free")
        data = await world.ok("removePermissions", {"keyId": key.id, "permissions": ["free"]})
        assert [p["slug"] for p in data] == ["a"]
        assert await world.audit() == []

    async def test_permission_of_a_role_stays(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.give_role(key.id, await world.role("r", "a"))
        await world.ok("removePermissions", {"keyId": key.id, "permissions": ["a"]})
        assert (await world.verify(key.secret, permissions="a"))["valid"]


class TestNotFoundAndDenied:
    async def test_unknown_slug_is_404_and_nothing_is_removed(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.grant(key.id, ["a"])
        other = await world.workspace()
        await world.permission("foreign", workspace_id=other)
        answer = await world.call("removePermissions", {"keyId": key.id, "permissions": ["a", "foreign", "x"]})
        assert (answer.status, answer.json["error"]["detail"]) == (404, "Permission 'foreign' was not found.")
        assert (await world.verify(key.secret, permissions="a"))["valid"]

    async def test_absent_key_is_404_and_missing_grant_403(self, world: KeyWorld) -> None:
        key = await world.key()
        root = await world.root_key("api.*.update_key", "rbac.*.add_permission_to_key")
        body = {"permissions": ["a"]}
        assert (await world.call("removePermissions", {"keyId": "key_absent", **body})).status == 404
        assert (await world.call("removePermissions", {"keyId": key.id, **body}, root=root.secret)).status == 403


class TestInvalid:
    @pytest.mark.parametrize("permissions", [[], ["a b"], ["p" * 129], None])
    async def test_malformed_list_is_400(self, world: KeyWorld, permissions: object) -> None:
        assert (await world.call("removePermissions", {"keyId": "key_1", "permissions": permissions})).status == 400


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("removePermissions", {"keyId": "key_1", "permissions": ["a"]}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
