"""What changes about the owner or the grants of a key, verification sees at once although the key is cached."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.harness import Caller, Harness

pytestmark = pytest.mark.integration


class World:
    """A workspace with an API."""

    def __init__(self, api: Harness, caller: Caller) -> None:
        self._api = api
        self._caller = caller

    async def call(self, operation: str, body: object) -> Any:
        answer = await self._api.post(f"/v2/{operation}", body, self._caller)
        assert answer.status == 200, answer.body
        return answer.json.get("data")

    async def key(self, **body: object) -> str:
        """Make a key and return its secret."""
        api_id = (await self.call("apis.createApi", {"name": "payments"}))["apiId"]
        return str((await self.call("keys.createKey", {"apiId": api_id, **body}))["key"])

    async def seen(self, secret: str) -> Any:
        """Verify the key."""
        return await self.call("keys.verifyKey", {"key": secret})


@pytest.fixture
async def world(api: Harness) -> World:
    return World(api, await api.admin())


class TestIdentity:
    async def test_new_metadata_and_limits(self, world: World) -> None:
        secret = await world.key(externalId="user_1")
        await world.seen(secret)
        limit = {"name": "requests", "limit": 5, "duration": 60_000, "autoApply": True}
        change = {"identity": "user_1", "meta": {"plan": "pro"}, "ratelimits": [limit]}
        await world.call("identities.updateIdentity", change)
        seen = await world.seen(secret)
        assert seen["identity"]["meta"] == {"plan": "pro"}
        assert seen["ratelimits"][0]["remaining"] == 4

    async def test_its_end(self, world: World) -> None:
        secret = await world.key(externalId="user_1")
        assert "identity" in await world.seen(secret)
        await world.call("identities.deleteIdentity", {"identity": "user_1"})
        assert "identity" not in await world.seen(secret)


class TestGrants:
    async def test_the_end_of_a_permission(self, world: World) -> None:
        secret = await world.key(permissions=["documents.read", "documents.write"])
        await world.seen(secret)
        await world.call("permissions.deletePermission", {"permission": "documents.write"})
        assert (await world.seen(secret))["permissions"] == ["documents.read"]

    async def test_another_slug_of_a_permission(self, world: World) -> None:
        secret = await world.key(permissions=["documents.read"])
        await world.seen(secret)
        await world.call("permissions.updatePermission", {"permission": "documents.read", "slug": "papers.read"})
        assert (await world.seen(secret))["permissions"] == ["papers.read"]

    async def test_other_permissions_of_a_role(self, world: World) -> None:
        secret = await self._with_role(world)
        await world.call("permissions.setRolePermissions", {"role": "editor", "permissions": ["documents.write"]})
        assert (await world.seen(secret))["permissions"] == ["documents.write"]

    async def test_another_name_and_the_end_of_a_role(self, world: World) -> None:
        secret = await self._with_role(world)
        await world.call("permissions.updateRole", {"role": "editor", "name": "writer"})
        assert (await world.seen(secret))["roles"] == ["writer"]
        await world.call("permissions.deleteRole", {"role": "writer"})
        assert "roles" not in await world.seen(secret)

    @staticmethod
    async def _with_role(world: World) -> str:
        await world.call("permissions.createRole", {"name": "editor"})
        secret = await world.key(roles=["editor"])
        assert (await world.seen(secret))["roles"] == ["editor"]
        return secret
