"""keys.deleteKey, through the whole application, with real stores."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.keys import START_MS, KeyWorld, fresh

pytestmark = pytest.mark.integration


class TestSuccess:
    async def test_soft_deleted_key_stays_stored_and_stops_verifying_at_once(self, world: KeyWorld) -> None:
        key = await world.key(name="shown")
        await world.verify(key.secret)
        assert await world.ok("deleteKey", {"keyId": key.id}) == {}
        assert await world.one("keys", key.id, "deleted_at_m") == (START_MS,)
        assert (await world.verify(key.secret))["code"] == "NOT_FOUND"
        (entry,) = await world.audit()
        assert (entry["event"], entry["description"]) == ("key.delete", f"Deleted {key.id}")
        assert [(t["type"], t["id"], t["name"]) for t in entry["targets"]] == [("key", key.id, "shown")]

    async def test_permanent_removes_everything_that_belongs_to_the_key_alone(self, world: KeyWorld) -> None:
        world.api = await world.make_api(keyspace_store_encrypted_keys=True)
        await world.role("r")
        limit = {"name": "requests", "limit": 1, "duration": 1000, "autoApply": True}
        body: dict[str, Any] = {"recoverable": True, "permissions": ["a"], "roles": ["r"], "externalId": "u"}
        body["ratelimits"] = [limit]
        key_id = (await world.create(**body))["keyId"]
        kept = (await world.create(**body))["keyId"]
        await world.ok("deleteKey", {"keyId": key_id, "permanent": True})
        for table in ("keys_permissions", "keys_roles", "ratelimits", "encrypted_keys"):
            assert await world.count(table, f"key_id='{key_id}'") == 0
            assert await world.count(table, f"key_id='{kept}'") == 1
        assert await world.count("keys", f"id='{key_id}'") == 0
        assert await world.count("identities", f"workspace_id='{world.workspace_id}'") == 1
        assert (await world.audit())[-1]["description"] == f"Permanently deleted {key_id}"

    @pytest.mark.parametrize("path", ["keyspaces/{ks}/keys/*", "keyspaces/*/keys/*"])
    async def test_urn_on_all_keys_of_a_keyspace_or_of_all_suffices(self, world: KeyWorld, path: str) -> None:
        key = await world.key()
        grant = f"unkey:v1:{world.workspace_id}:{path.format(ks=world.api.keyspace_id)}#delete_key"
        root = await world.root_key(grant)
        await world.ok("deleteKey", {"keyId": key.id}, root=root.secret)


class TestNotFound:
    @pytest.mark.parametrize("permanent", [False, True])
    async def test_deleting_twice_is_404(self, world: KeyWorld, permanent: bool) -> None:  # noqa: FBT001 - parametrised
        key = await world.key()
        await world.ok("deleteKey", {"keyId": key.id})
        assert (await world.call("deleteKey", {"keyId": key.id, "permanent": permanent})).status == 404

    async def test_key_of_another_workspace_is_404(self, world: KeyWorld) -> None:
        foreign = await world.key(await world.make_api(await world.workspace()))
        assert (await world.call("deleteKey", {"keyId": foreign.id})).status == 404
        assert await world.one("keys", foreign.id, "deleted_at_m") == (None,)


class TestDenied:
    @pytest.mark.parametrize("permission", ["api.*.update_key", "api.api_other.delete_key"])
    async def test_wrong_action_or_api_is_403(self, world: KeyWorld, permission: str) -> None:
        key = await world.key()
        root = await world.root_key(permission)
        assert (await world.call("deleteKey", {"keyId": key.id}, root=root.secret)).status == 403


class TestInvalid:
    @pytest.mark.parametrize("body", [{}, {"keyId": "key-1"}, {"keyId": "key_1", "permanent": "yes"}, {"keyId": None}])
    async def test_body_that_breaks_the_schema_is_400(self, world: KeyWorld, body: dict[str, Any]) -> None:
        assert (await world.call("deleteKey", body)).status == 400


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("deleteKey", {"keyId": "key_1"}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
