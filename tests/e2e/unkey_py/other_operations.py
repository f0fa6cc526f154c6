"""One successful call of every operation on analytics, identities, permissions, rate limits and root keys."""

from __future__ import annotations

from collections.abc import Callable

from unkey.py import models

from tests.e2e.unkey_py.world import World, fresh

MINUTE = 60_000


def create_identity(w: World) -> None:
    limits = [models.RatelimitRequest(name="requests", limit=5, duration=MINUTE, auto_apply=False)]
    made = w.client.identities.create_identity(external_id=fresh("user"), meta={"a": 1}, ratelimits=limits)
    assert made.data.identity_id.startswith("id_")


def get_identity(w: World) -> None:
    external_id = w.identity()
    assert w.client.identities.get_identity(identity=external_id).data.external_id == external_id


def list_identities(w: World) -> None:
    external_id = w.identity()
    page = w.client.identities.list_identities()
    assert page is not None
    assert [i.external_id for i in page.result.data] == [external_id]
    assert page.next() is None


def update_identity(w: World) -> None:
    assert w.client.identities.update_identity(identity=w.identity(), meta={"b": [1]}).data.meta == {"b": [1]}


def delete_identity(w: World) -> None:
    assert w.client.identities.delete_identity(identity=w.identity()).meta.request_id


def create_permission(w: World) -> None:
    assert w.client.permissions.create_permission(name="n", slug=fresh("p")).data.permission_id.startswith("perm_")


def get_permission(w: World) -> None:
    slug = w.permission()
    assert w.client.permissions.get_permission(permission=slug).data.slug == slug


def list_permissions(w: World) -> None:
    made = {w.permission() for _ in range(3)}
    page = w.client.permissions.list_permissions(limit=2)
    found: set[str] = set()
    while page is not None:
        found |= {p.slug for p in page.result.data}
        page = page.next()
    assert found >= made


def update_permission(w: World) -> None:
    w.client.permissions.update_permission(permission=w.permission(), description="d")


def delete_permission(w: World) -> None:
    assert w.client.permissions.delete_permission(permission=w.permission()).meta.request_id


def create_role(w: World) -> None:
    assert w.client.permissions.create_role(name=fresh("role")).data.role_id.startswith("role_")


def get_role(w: World) -> None:
    role = w.role()
    assert w.client.permissions.get_role(role=role).data.name == role


def list_roles(w: World) -> None:
    role = w.role()
    page = w.client.permissions.list_roles()
    assert page is not None
    assert [r.name for r in page.result.data] == [role]


def update_role(w: World) -> None:
    w.client.permissions.update_role(role=w.role(), description="d")


def delete_role(w: World) -> None:
    assert w.client.permissions.delete_role(role=w.role()).meta.request_id


def set_role_permissions(w: World) -> None:
    role, slug = w.role(), w.permission()
    w.client.permissions.set_role_permissions(request={"role": role, "permissions": [slug]})
    assert [p.slug for p in w.client.permissions.get_role(role=role).data.permissions or []] == [slug]


def limit(w: World) -> None:
    data = w.client.ratelimit.limit(namespace=fresh("ns"), identifier="u", limit=2, duration=MINUTE).data
    assert (data.success, data.limit, data.remaining) == (True, 2, 1)


def multi_limit(w: World) -> None:
    namespace = fresh("ns")
    shared = {"namespace": namespace, "limit": 2, "duration": MINUTE}
    request = [{"identifier": "greedy", "cost": 3, **shared}, {"identifier": "modest", **shared}]
    data = w.client.ratelimit.multi_limit(request=request).data  # type: ignore[arg-type]  # the dict form is typed per key
    assert data.passed is False
    assert [one.passed for one in data.limits] == [False, True]


def set_override(w: World) -> None:
    namespace, identifier = w.override()
    found = w.client.ratelimit.limit(namespace=namespace, identifier=identifier, limit=5, duration=MINUTE).data
    assert found.limit in {5, 9}  # another worker's cache may lag


def get_override(w: World) -> None:
    namespace, identifier = w.override()
    assert w.client.ratelimit.get_override(namespace=namespace, identifier=identifier).data.limit == 9


def list_overrides(w: World) -> None:
    namespace, identifier = w.override()
    page = w.client.ratelimit.list_overrides(namespace=namespace)
    assert page is not None
    assert [o.identifier for o in page.result.data] == [identifier]
    assert page.next() is None


def delete_override(w: World) -> None:
    namespace, identifier = w.override()
    assert w.client.ratelimit.delete_override(namespace=namespace, identifier=identifier).meta.request_id


def create_root_key(w: World) -> None:
    assert w.root_key().startswith("key_")


def list_root_keys(w: World) -> None:
    key_id = w.root_key()
    page = w.client.root_keys.list_keys()
    assert page is not None
    assert key_id in {key.key_id for key in page.result.data}


def update_root_key(w: World) -> None:
    w.client.root_keys.update_key(key_id=w.root_key(), name="renamed", enabled=False)


def reroll_root_key(w: World) -> None:
    key_id = w.root_key()
    assert w.client.root_keys.reroll_key(key_id=key_id, expiration=None).data.key_id != key_id


def delete_root_key(w: World) -> None:
    assert w.client.root_keys.delete_key(key_id=w.root_key()).meta.request_id


def get_verifications(w: World) -> None:
    asked = w.client.analytics.get_verifications(query="SELECT count() AS n FROM key_verifications_v1")
    assert asked.data == [{"n": 0}]


def get_ratelimits(w: World) -> None:
    asked = w.client.analytics.get_ratelimits(query="SELECT sum(total) AS n, 1 / 0 AS x FROM ratelimits_per_day_v1")
    assert asked.data == [{"n": 0, "x": None}]


def get_gateway_requests(w: World) -> None:
    assert w.client.analytics.get_gateway_requests(query="SELECT path FROM gateway_requests_v1").data == []


def get_runtime_logs(w: World) -> None:
    assert w.client.analytics.get_runtime_logs(query="SELECT message FROM runtime_logs_v1").data == []


OPERATIONS: dict[str, Callable[[World], None]] = {
    "analytics.getGatewayRequests": get_gateway_requests,
    "analytics.getRatelimits": get_ratelimits,
    "analytics.getRuntimeLogs": get_runtime_logs,
    "analytics.getVerifications": get_verifications,
    "identities.createIdentity": create_identity,
    "identities.deleteIdentity": delete_identity,
    "identities.getIdentity": get_identity,
    "identities.listIdentities": list_identities,
    "identities.updateIdentity": update_identity,
    "permissions.createPermission": create_permission,
    "permissions.createRole": create_role,
    "permissions.deletePermission": delete_permission,
    "permissions.deleteRole": delete_role,
    "permissions.getPermission": get_permission,
    "permissions.getRole": get_role,
    "permissions.listPermissions": list_permissions,
    "permissions.listRoles": list_roles,
    "permissions.setRolePermissions": set_role_permissions,
    "permissions.updatePermission": update_permission,
    "permissions.updateRole": update_role,
    "ratelimit.deleteOverride": delete_override,
    "ratelimit.getOverride": get_override,
    "ratelimit.limit": limit,
    "ratelimit.listOverrides": list_overrides,
    "ratelimit.multiLimit": multi_limit,
    "ratelimit.setOverride": set_override,
    "rootKeys.createKey": create_root_key,
    "rootKeys.deleteKey": delete_root_key,
    "rootKeys.listKeys": list_root_keys,
    "rootKeys.rerollKey": reroll_root_key,
    "rootKeys.updateKey": update_root_key,
}
