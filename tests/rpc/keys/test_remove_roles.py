"""keys.removeRoles, through the whole application, with real stores."""

from __future__ import annotations

import pytest

from tests.support.keys import KeyWorld, fresh

pytestmark = pytest.mark.integration


class TestSuccess:
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


class TestNotFound:
    async def test_unknown_role_is_404(self, world: KeyWorld) -> None:
        key = await world.key()
        assert (await world.call("removeRoles", {"keyId": key.id, "roles": ["gone"]})).status == 404


class TestDenied:
    async def test_without_permission_to_update_the_key_it_is_403(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.role("known")
        root = await world.root_key("api.*.read_key", "rbac.*.add_role_to_key")
        answer = await world.call("removeRoles", {"keyId": key.id, "roles": ["known"]}, root=root.secret)
        assert answer.status == 403


class TestInvalid:
    @pytest.mark.parametrize("roles", [[], [""], ["r" * 129], ["r"] * 101, None])
    async def test_malformed_list_is_400(self, world: KeyWorld, roles: object) -> None:
        assert (await world.call("removeRoles", {"keyId": "key_1", "roles": roles})).status == 400


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("removeRoles", {"keyId": "key_1", "roles": ["r"]}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
