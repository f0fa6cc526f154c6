"""One successful call of every operation on APIs and keys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from unkey.py import models

from tests.e2e.unkey_py.world import World, fresh


def create_api(w: World) -> None:
    assert w.client.apis.create_api(name="n-1").data.api_id.startswith("api_")


def get_api(w: World) -> None:
    api = w.api()
    assert w.client.apis.get_api(api_id=api).data.id == api


def delete_api(w: World) -> None:
    assert w.client.apis.delete_api(api_id=w.api()).meta.request_id.startswith("req_")


def list_keys(w: World) -> None:
    api = w.api()
    made = {w.client.keys.create_key(api_id=api, name=f"n{i}").data.key_id for i in range(3)}
    found: set[str] = set()
    page = w.client.apis.list_keys(api_id=api, limit=2)
    while page is not None:
        found |= {key.key_id for key in page.result.data}
        page = page.next()
    assert found == made


def create_key(w: World) -> None:
    refill = models.KeyCreditsRefill(interval=models.KeyCreditsRefillInterval.DAILY, amount=5)
    made = w.client.keys.create_key(
        api_id=w.api(),
        prefix="sk",
        name="ünïcode",
        external_id=fresh("user"),
        meta={"plan": "pro", "nested": {"none": None}},
        expires=4_070_908_800_000,
        credits=models.KeyCreditsData(remaining=10, refill=refill),
        ratelimits=[models.RatelimitRequest(name="requests", limit=5, duration=60_000, auto_apply=True)],
    )
    assert made.data.key.startswith("sk_")


def verify_key(w: World) -> None:
    key_id, secret = w.key(remaining=3)
    data = w.client.keys.verify_key(key=secret, tags=["path=/x"], credits={"cost": 2}).data
    assert (data.valid, data.code, data.key_id, data.credits) == (True, "VALID", key_id, 1)


def verify_unknown_key(w: World) -> None:
    data = w.client.keys.verify_key(key=fresh("nothing")).data
    assert (data.valid, data.code) == (False, "NOT_FOUND")


def get_key(w: World) -> None:
    key_id, _ = w.key()
    assert w.client.keys.get_key(key_id=key_id).data.key_id == key_id


def whoami(w: World) -> None:
    key_id, secret = w.key()
    assert w.client.keys.whoami(key=secret).data.key_id == key_id


def update_key(w: World) -> None:
    key_id, secret = w.key()
    w.client.keys.update_key(key_id=key_id, name=None, enabled=False)
    assert w.client.keys.verify_key(key=secret).data.code in {"DISABLED", "VALID"}  # another worker's cache may lag


def update_credits(w: World) -> None:
    key_id, _ = w.key(remaining=3)
    assert w.client.keys.update_credits(key_id=key_id, operation="set", value=7).data.remaining == 7  # type: ignore[arg-type]  # text for the enum


def reroll_key(w: World) -> None:
    key_id, secret = w.key()
    made = w.client.keys.reroll_key(key_id=key_id, expiration=60_000).data
    assert made.key_id != key_id
    assert made.key != secret


def delete_key(w: World) -> None:
    assert w.client.keys.delete_key(key_id=w.key()[0]).meta.request_id


def migrate_keys(w: World) -> None:
    secret = fresh("old")
    moved = {
        "hash": hashlib.sha256(secret.encode()).hexdigest(),
        "name": "moved",
        "external_id": fresh("user"),
        "meta": {"plan": "pro"},
        "roles": [w.role()],
        "permissions": [w.permission()],
        "credits": {"remaining": 5},
    }
    request = {"migration_id": w.migration_id, "api_id": w.api(), "keys": [moved]}
    made = w.client.keys.migrate_keys(**request).data  # type: ignore[arg-type]  # the dict form is typed per key
    assert [one.hash for one in made.migrated] == [moved["hash"]]
    assert made.failed == []
    again = w.client.keys.migrate_keys(**request).data  # type: ignore[arg-type]  # as above
    assert (again.migrated, again.failed) == ([], [moved["hash"]])
    found = w.client.keys.verify_key(key=secret, migration_id=w.migration_id).data
    assert (found.valid, found.key_id, found.name) == (True, made.migrated[0].key_id, "moved")


def add_permissions(w: World) -> None:
    slug = w.permission()
    assert [p.slug for p in w.client.keys.add_permissions(key_id=w.key()[0], permissions=[slug]).data] == [slug]


def set_permissions(w: World) -> None:
    slug = w.permission()
    assert [p.slug for p in w.client.keys.set_permissions(key_id=w.key()[0], permissions=[slug]).data] == [slug]


def remove_permissions(w: World) -> None:
    key_id, slug = w.key()[0], w.permission()
    w.client.keys.add_permissions(key_id=key_id, permissions=[slug])
    assert w.client.keys.remove_permissions(key_id=key_id, permissions=[slug]).data == []


def add_roles(w: World) -> None:
    role = w.role()
    assert [r.name for r in w.client.keys.add_roles(key_id=w.key()[0], roles=[role]).data] == [role]


def set_roles(w: World) -> None:
    role = w.role()
    assert [r.name for r in w.client.keys.set_roles(key_id=w.key()[0], roles=[role]).data] == [role]


def remove_roles(w: World) -> None:
    key_id, role = w.key()[0], w.role()
    w.client.keys.add_roles(key_id=key_id, roles=[role])
    assert w.client.keys.remove_roles(key_id=key_id, roles=[role]).data == []


OPERATIONS: dict[str, Callable[[World], None]] = {
    "apis.createApi": create_api,
    "apis.deleteApi": delete_api,
    "apis.getApi": get_api,
    "apis.listKeys": list_keys,
    "keys.addPermissions": add_permissions,
    "keys.addRoles": add_roles,
    "keys.createKey": create_key,
    "keys.deleteKey": delete_key,
    "keys.getKey": get_key,
    "keys.migrateKeys": migrate_keys,
    "keys.removePermissions": remove_permissions,
    "keys.removeRoles": remove_roles,
    "keys.rerollKey": reroll_key,
    "keys.setPermissions": set_permissions,
    "keys.setRoles": set_roles,
    "keys.updateCredits": update_credits,
    "keys.updateKey": update_key,
    "keys.verifyKey": verify_key,
    "keys.verifyKey unknown": verify_unknown_key,
    "keys.whoami": whoami,
}
