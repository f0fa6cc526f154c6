"""For every operation, a request that succeeds; as complete as the operation allows."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from tests.rpc.published.world import MINUTE, World, a_limit, fresh

Body = dict[str, Any] | list[Any]


async def create_api(w: World) -> Body:
    return {"name": "an api"}


async def of_api(w: World) -> Body:
    return {"apiId": await w.new_api()}


async def update_api(w: World) -> Body:
    settings = {"ipWhitelist": ["127.0.0.0/8", "::1"], "defaultPrefix": "pub", "defaultBytes": 24}
    return {"apiId": await w.new_api(), "name": "renamed", "deleteProtection": True, **settings}


async def list_keys(w: World) -> Body:
    api_id = await w.new_api()
    for _ in range(2):
        await w.new_key(apiId=api_id)
    return {"apiId": api_id, "limit": 1}


async def create_identity(w: World) -> Body:
    return {"externalId": fresh("user"), "meta": {"a": [1, None]}, "ratelimits": [a_limit("calls")]}


async def of_identity(w: World) -> Body:
    return {"identity": await w.new_identity()}


async def list_identities(w: World) -> Body:
    for _ in range(2):
        await w.new_identity()
    return {"limit": 1}


async def update_identity(w: World) -> Body:
    return {"identity": await w.new_identity(), "meta": {"b": 1.5}, "ratelimits": [a_limit("calls"), a_limit("more")]}


async def create_permission(w: World) -> Body:
    return {"name": "A permission", "slug": fresh("slug"), "description": "d"}


async def of_permission(w: World) -> Body:
    return {"permission": await w.new_permission()}


async def list_permissions(w: World) -> Body:
    for _ in range(2):
        await w.new_permission()
    return {"limit": 1}


async def update_permission(w: World) -> Body:
    return {"permission": await w.new_permission(), "name": "Another", "slug": fresh("slug"), "description": "other"}


async def create_role(w: World) -> Body:
    return {"name": fresh("role"), "description": "d", "permissions": [await w.new_permission(), fresh("slug")]}


async def of_role(w: World) -> Body:
    return {"role": await w.new_role()}


async def list_roles(w: World) -> Body:
    for _ in range(2):
        await w.new_role()
    return {"limit": 1}


async def update_role(w: World) -> Body:
    return {"role": await w.new_role(), "name": fresh("role"), "description": "other"}


async def set_role_permissions(w: World) -> Body:
    return {"role": await w.new_role(), "permissions": [await w.new_permission(), fresh("slug")]}


async def limit(w: World) -> Body:
    return {**await w.new_override(), "limit": 5, "duration": MINUTE, "cost": 2}


async def multi_limit(w: World) -> Body:
    plain = {"namespace": fresh("ns"), "identifier": "user", "limit": 1, "duration": MINUTE, "cost": 2}
    return [{**await w.new_override(), "limit": 5, "duration": MINUTE}, plain]


async def set_override(w: World) -> Body:
    return {**await w.new_override(), "limit": 0, "duration": MINUTE}


async def of_override(w: World) -> Body:
    return dict(await w.new_override())


async def list_overrides(w: World) -> Body:
    named = await w.new_override()
    await w.made("ratelimit.setOverride", {**named, "identifier": "us*", "limit": 9, "duration": MINUTE})
    return {"namespace": named["namespace"], "limit": 1}


async def list_namespaces(w: World) -> Body:
    for _ in range(2):
        await w.new_override()
    return {"limit": 1}


async def create_key(w: World) -> Body:
    return {
        "apiId": await w.new_api(),
        "prefix": "pub",
        "name": "a key",
        "byteLength": 32,
        "externalId": fresh("user"),
        "meta": {"plan": "pro"},
        "roles": [await w.new_role()],
        "permissions": [fresh("slug")],
        "expires": w.api.clock.now_ms() + MINUTE,
        "credits": {"remaining": 10, "refill": {"interval": "daily", "amount": 10}},
        "ratelimits": [a_limit("requests")],
        "enabled": True,
    }


async def verify_key(w: World) -> Body:
    made = await w.new_key()
    return {
        "key": made["key"],
        "tags": ["path=/x"],
        "credits": {"cost": 2},
        "ratelimits": [
            {"name": "requests"},
            {"name": "calls", "cost": 2},
            {"name": "own", "limit": 3, "duration": 1000},
        ],
    }


async def of_key(w: World) -> Body:
    return {"keyId": (await w.new_key())["keyId"]}


async def whoami(w: World) -> Body:
    return {"key": (await w.new_key())["key"]}


async def update_key(w: World) -> Body:
    return {
        "keyId": (await w.new_key())["keyId"],
        "name": None,
        "externalId": None,
        "meta": {},
        "expires": None,
        "credits": None,
        "ratelimits": [],
        "enabled": False,
        "roles": [],
        "permissions": [],
    }


async def reroll_key(w: World) -> Body:
    return {"keyId": (await w.new_key())["keyId"], "expiration": MINUTE}


async def update_credits(w: World) -> Body:
    return {"keyId": (await w.new_key())["keyId"], "operation": "increment", "value": 5}


async def migrate_keys(w: World) -> Body:
    keys = [{"hash": base64.b64encode(hashlib.sha256(fresh("key").encode()).digest()).decode()}] * 2
    return {"migrationId": await w.new_migration(), "apiId": await w.new_api(), "keys": keys}


async def permissions_of_key(w: World) -> Body:
    return {"keyId": (await w.new_key())["keyId"], "permissions": [await w.new_permission()]}


async def roles_of_key(w: World) -> Body:
    return {"keyId": (await w.new_key())["keyId"], "roles": [await w.new_role()]}


async def create_root_key(w: World) -> Body:
    urn = f"unkey:v1:{w.admin.workspace_id}:rootKeys/*#read"
    return {"name": "n", "permissions": [urn], "expires": w.api.clock.now_ms() + MINUTE}


async def list_root_keys(w: World) -> Body:
    for _ in range(2):
        await w.new_root_key()
    return {"limit": 1}


async def update_root_key(w: World) -> Body:
    return {"keyId": await w.new_root_key(), "name": None, "enabled": False, "permissions": []}


async def reroll_root_key(w: World) -> Body:
    return {"keyId": await w.new_root_key(), "expiration": MINUTE}


async def of_root_key(w: World) -> Body:
    return {"keyId": await w.new_root_key()}


def asking(table: str) -> Callable[[World], Awaitable[Body]]:
    async def body(w: World) -> Body:
        await w.can_ask()
        return {"query": f"SELECT count() AS n FROM {table}"}

    return body


REQUESTS: dict[str, Callable[[World], Awaitable[Body]]] = {
    "analytics.getGatewayRequests": asking("gateway_requests_v1"),
    "analytics.getRatelimits": asking("ratelimits_v1"),
    "analytics.getRuntimeLogs": asking("runtime_logs_v1"),
    "analytics.getVerifications": asking("key_verifications_v1"),
    "apis.createApi": create_api,
    "apis.deleteApi": of_api,
    "apis.getApi": of_api,
    "apis.listKeys": list_keys,
    "apis.updateApi": update_api,
    "identities.createIdentity": create_identity,
    "identities.deleteIdentity": of_identity,
    "identities.getIdentity": of_identity,
    "identities.listIdentities": list_identities,
    "identities.updateIdentity": update_identity,
    "keys.addPermissions": permissions_of_key,
    "keys.addRoles": roles_of_key,
    "keys.createKey": create_key,
    "keys.deleteKey": of_key,
    "keys.getKey": of_key,
    "keys.migrateKeys": migrate_keys,
    "keys.removePermissions": permissions_of_key,
    "keys.removeRoles": roles_of_key,
    "keys.rerollKey": reroll_key,
    "keys.setPermissions": permissions_of_key,
    "keys.setRoles": roles_of_key,
    "keys.updateCredits": update_credits,
    "keys.updateKey": update_key,
    "keys.verifyKey": verify_key,
    "keys.whoami": whoami,
    "permissions.createPermission": create_permission,
    "permissions.createRole": create_role,
    "permissions.deletePermission": of_permission,
    "permissions.deleteRole": of_role,
    "permissions.getPermission": of_permission,
    "permissions.getRole": of_role,
    "permissions.listPermissions": list_permissions,
    "permissions.listRoles": list_roles,
    "permissions.setRolePermissions": set_role_permissions,
    "permissions.updatePermission": update_permission,
    "permissions.updateRole": update_role,
    "ratelimit.deleteOverride": of_override,
    "ratelimit.getOverride": of_override,
    "ratelimit.limit": limit,
    "ratelimit.listNamespaces": list_namespaces,
    "ratelimit.listOverrides": list_overrides,
    "ratelimit.multiLimit": multi_limit,
    "ratelimit.setOverride": set_override,
    "rootKeys.createKey": create_root_key,
    "rootKeys.deleteKey": of_root_key,
    "rootKeys.listKeys": list_root_keys,
    "rootKeys.rerollKey": reroll_root_key,
    "rootKeys.updateKey": update_root_key,
}
"""Every operation that takes a body, by its id."""
