"""A workspace with one of everything that operations ask for, made through the service itself."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from tests.support.asgi import Answer
from tests.support.asking import Asking
from tests.support.harness import Caller, Harness
from unkey_api.infra.mysql import Statement

MINUTE = 60_000


def fresh(kind: str) -> str:
    """Return a name nothing else has."""
    return f"{kind}_{secrets.token_hex(6)}"


def a_limit(name: str) -> dict[str, Any]:
    return {"name": name, "limit": 5, "duration": MINUTE, "autoApply": True}


@dataclass(frozen=True, slots=True)
class World:
    """The workspace of a caller who may do everything in it."""

    api: Harness
    admin: Caller
    asking: Asking | None = None
    """What analytics needs; None where nobody asks."""

    async def post(self, name: str, body: object, caller: Caller | str | None = None, **headers: str) -> Answer:
        """Call an operation by its id."""
        return await self.api.post(f"/v2/{name}", body, caller or self.admin, **headers)

    async def get(self, path: str) -> Answer:
        """Get a path without a credential."""
        return await self.api.client.request("GET", path, headers={})

    async def made(self, name: str, body: object) -> Any:
        """Call an operation that must succeed and return its `data`."""
        answer = await self.post(name, body)
        assert answer.status == 200, answer.body
        return answer.json["data"]

    async def new_api(self) -> str:
        return str((await self.made("apis.createApi", {"name": "an api"}))["apiId"])

    async def new_key(self, **fields: Any) -> dict[str, str]:
        """Return id and secret of a key that has everything a key can have, apart from what is given."""
        slug, role = await self.new_permission(), await self.new_role()
        body = {
            "apiId": await self.new_api(),
            "prefix": "pub",
            "name": "a key",
            "externalId": await self.new_identity(),
            "meta": {"plan": {"seats": 3, "trial": None}},
            "roles": [role],
            "permissions": [slug],
            "expires": self.api.clock.now_ms() + 10 * MINUTE,
            "credits": {"remaining": 100, "refill": {"interval": "monthly", "amount": 100, "refillDay": 15}},
            "ratelimits": [a_limit("requests")],
            **fields,
        }
        data: dict[str, str] = await self.made("keys.createKey", body)
        return data

    async def new_permission(self) -> str:
        slug = fresh("slug")
        await self.made("permissions.createPermission", {"name": "A permission", "slug": slug, "description": "d"})
        return slug

    async def new_role(self) -> str:
        name = fresh("role")
        body = {"name": name, "description": "d", "permissions": [await self.new_permission()]}
        await self.made("permissions.createRole", body)
        return name

    async def new_identity(self) -> str:
        external_id = fresh("user")
        body = {"externalId": external_id, "meta": {"plan": "pro"}, "ratelimits": [a_limit("calls")]}
        await self.made("identities.createIdentity", body)
        return external_id

    async def new_override(self) -> dict[str, str]:
        """Return the namespace and identifier of an override."""
        named = {"namespace": fresh("ns"), "identifier": "user"}
        await self.made("ratelimit.limit", {**named, "limit": 5, "duration": MINUTE})
        await self.made("ratelimit.setOverride", {**named, "limit": 9, "duration": MINUTE})
        return named

    async def new_root_key(self) -> str:
        urn = f"unkey:v1:{self.admin.workspace_id}:rootKeys/*#read"
        return str((await self.made("rootKeys.createKey", {"name": "n", "permissions": [urn]}))["keyId"])

    async def can_ask(self) -> None:
        """Set the workspace up for analytics."""
        assert self.asking is not None
        await self.asking.set_up(self.admin.workspace_id)

    async def new_migration(self) -> str:
        """Return the id of a migration; they are set up by operators."""
        migration_id = fresh("migration")
        await self.run(
            "INSERT INTO key_migrations (id, workspace_id, algorithm) VALUES (%(id)s, %(workspace)s, 'sha256')",
            id=migration_id,
            workspace=self.admin.workspace_id,
        )
        return migration_id

    async def run(self, sql: str, **values: Any) -> None:
        """Change something that no operation changes."""
        await self.api.database.primary.execute(Statement("test_published", sql), values)

    async def powerless(self) -> Caller:
        """A caller of the workspace who may do nothing."""
        return await self.api.caller(workspace_id=self.admin.workspace_id)

    async def disabled(self) -> Caller:
        """A caller of the workspace whose root key is disabled."""
        caller = await self.powerless()
        sql = "UPDATE `keys` SET enabled = FALSE WHERE hash = TO_BASE64(UNHEX(SHA2(%(secret)s, 256)))"
        await self.run(sql, secret=caller.root_key)
        return caller


def shown(body: object) -> str:
    """Return a request for a message."""
    return json.dumps(body)[:200]
