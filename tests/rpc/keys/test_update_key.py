"""keys.updateKey, through the whole application, with real stores."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.support.keys import START_MS, Key, KeyWorld, fresh

pytestmark = pytest.mark.integration

LIMIT = {"name": "requests", "limit": 10, "duration": 60_000, "autoApply": True}
MONTHLY = {"interval": "monthly", "amount": 50, "refillDay": 3}


async def full_key(world: KeyWorld) -> Key:
    """Return a key with something in every field."""
    key = await world.key(
        name="old",
        meta='{"a":1}',
        identity_id=await world.identity("user_1"),
        expires="2099-01-01",
        remaining_requests=7,
        refill_amount=10,
        refill_day=2,
    )
    await world.grant(key.id, ["docs.read"])
    await world.give_role(key.id, await world.role("admin"))
    await world.limit("requests", key_id=key.id)
    return key


class TestThreeStates:
    async def test_nothing_mentioned_changes_nothing_but_the_stamp(self, world: KeyWorld) -> None:
        key = await full_key(world)
        before = await world.ok("getKey", {"keyId": key.id})
        assert await world.ok("updateKey", {"keyId": key.id}) == {}
        assert await world.ok("getKey", {"keyId": key.id}) == {**before, "updatedAt": START_MS}

    @pytest.mark.parametrize(
        ("field", "gone"),
        [
            ("name", "name"),
            ("externalId", "identity"),
            ("meta", "meta"),
            ("expires", "expires"),
            ("credits", "credits"),
        ],
    )
    async def test_null_clears(self, world: KeyWorld, field: str, gone: str) -> None:
        key = await full_key(world)
        before = await world.ok("getKey", {"keyId": key.id})
        await world.ok("updateKey", {"keyId": key.id, field: None})
        after = await world.ok("getKey", {"keyId": key.id})
        assert gone in before
        assert after == {name: v for name, v in before.items() if name != gone} | {"updatedAt": START_MS}

    @pytest.mark.parametrize(
        ("change", "shown"),
        [
            ({"name": "new"}, {"name": "new"}),
            ({"meta": {"b": 2}}, {"meta": {"b": 2}}),
            ({"expires": 4_000_000_000_000}, {"expires": 4_000_000_000_000}),
            ({"enabled": False}, {"enabled": False}),
            ({"permissions": ["new.slug", "docs.read"]}, {"permissions": ["docs.read", "new.slug"]}),
            ({"permissions": ["other"]}, {"permissions": ["other"]}),
        ],
    )
    async def test_value_replaces(self, world: KeyWorld, change: dict[str, Any], shown: dict[str, Any]) -> None:
        key = await full_key(world)
        before = await world.ok("getKey", {"keyId": key.id})
        await world.ok("updateKey", {"keyId": key.id, **change})
        assert await world.ok("getKey", {"keyId": key.id}) == before | shown | {"updatedAt": START_MS}

    @pytest.mark.parametrize("field", ["ratelimits", "permissions", "roles"])
    async def test_empty_list_removes_all(self, world: KeyWorld, field: str) -> None:
        key = await full_key(world)
        await world.ok("updateKey", {"keyId": key.id, field: []})
        after = await world.ok("getKey", {"keyId": key.id})
        assert [name for name in ("ratelimits", "permissions", "roles") if name not in after] == [field]

    @pytest.mark.parametrize("field", ["enabled", "permissions", "roles"])
    async def test_null_where_it_means_nothing_is_400(self, world: KeyWorld, field: str) -> None:
        key = await world.key()
        assert (await world.call("updateKey", {"keyId": key.id, field: None})).status == 400

    async def test_external_id_attaches_an_identity_new_or_old(self, world: KeyWorld) -> None:
        old, key = await world.identity("old-user"), await full_key(world)
        for external_id in ("new-user", "old-user"):
            await world.ok("updateKey", {"keyId": key.id, "externalId": external_id})
            shown = await world.ok("getKey", {"keyId": key.id})
            assert shown["identity"]["externalId"] == external_id
        assert shown["identity"]["id"] == old

    async def test_empty_metadata_is_stored_as_such(self, world: KeyWorld) -> None:
        key = await full_key(world)
        await world.ok("updateKey", {"keyId": key.id, "meta": {}})
        assert await world.one("keys", key.id, "meta") == ("{}",)


class TestCredits:
    @pytest.mark.parametrize(
        ("credits_", "stored"),
        [
            ({"remaining": 3}, (3, 10, 2)),
            ({"remaining": None}, (None, None, None)),
            ({"refill": None}, (7, None, None)),
            ({"refill": MONTHLY}, (7, 50, 3)),
            ({"refill": {"interval": "daily", "amount": 4}}, (7, 4, None)),
            ({"remaining": None, "refill": MONTHLY}, (None, 50, 3)),
            ({"remaining": None, "refill": None}, (None, None, None)),
            ({"remaining": 1, "refill": None}, (1, None, None)),
            ({}, (7, 10, 2)),
        ],
    )
    async def test_balance_and_refill_change_apart(
        self, world: KeyWorld, credits_: dict[str, Any], stored: tuple[int | None, ...]
    ) -> None:
        key = await full_key(world)
        await world.ok("updateKey", {"keyId": key.id, "credits": credits_})
        assert await world.one("keys", key.id, "remaining_requests", "refill_amount", "refill_day") == stored

    @pytest.mark.parametrize(
        ("refill", "detail"),
        [
            (
                {"interval": "monthly", "amount": 1},
                "`refillDay` must be provided when the refill interval is `monthly`.",
            ),
            (
                {"interval": "daily", "amount": 1, "refillDay": 1},
                "`refillDay` must not be provided when the refill interval is `daily`.",
            ),
        ],
    )
    async def test_refill_that_contradicts_itself_is_400(
        self, world: KeyWorld, refill: dict[str, Any], detail: str
    ) -> None:
        key = await world.key()
        answer = await world.call("updateKey", {"keyId": key.id, "credits": {"refill": refill}})
        assert (answer.status, answer.json["error"]["detail"]) == (400, detail)

    async def test_new_balance_counts_at_once(self, world: KeyWorld) -> None:
        key = await world.key(remaining_requests=5)
        assert (await world.verify(key.secret))["credits"] == 4
        await world.ok("updateKey", {"keyId": key.id, "credits": {"remaining": 100}})
        assert (await world.verify(key.secret))["credits"] == 99
        await world.ok("updateKey", {"keyId": key.id, "credits": None})
        assert "credits" not in await world.verify(key.secret)


class TestLists:
    async def test_limit_of_a_kept_name_keeps_its_id_and_stays_one_row(self, world: KeyWorld) -> None:
        key = await full_key(world)
        before = (await world.ok("getKey", {"keyId": key.id}))["ratelimits"][0]["id"]
        limits = [{**LIMIT, "limit": 3}, {**LIMIT, "name": "other"}, {**LIMIT, "name": "other", "limit": 9}]
        await world.ok("updateKey", {"keyId": key.id, "ratelimits": limits})
        rows = await world.sql(
            f"SELECT id, name, `limit`, updated_at FROM ratelimits WHERE key_id='{key.id}' ORDER BY name"
        )
        assert [row[1:3] for row in rows] == [("other", 9), ("requests", 3)]
        assert rows[1] == (before, "requests", 3, START_MS)

    async def test_unlisted_limits_go_and_those_of_the_identity_stay(self, world: KeyWorld) -> None:
        identity = await world.identity()
        key = await world.key(identity_id=identity)
        await world.limit("gone", key_id=key.id)
        await world.limit("gone", identity_id=identity)
        await world.ok("updateKey", {"keyId": key.id, "ratelimits": [LIMIT]})
        shown = await world.ok("getKey", {"keyId": key.id})
        assert [limit["name"] for limit in shown["ratelimits"]] == ["requests"]
        assert [limit["name"] for limit in shown["identity"]["ratelimits"]] == ["gone"]

    async def test_permissions_and_roles_are_replaced_and_repetitions_count_once(self, world: KeyWorld) -> None:
        key = await full_key(world)
        await world.role("viewer", "from.role")
        await world.ok("updateKey", {"keyId": key.id, "permissions": ["x", "x", "y"], "roles": ["viewer", "viewer"]})
        shown = await world.ok("getKey", {"keyId": key.id})
        assert (shown["permissions"], shown["roles"]) == (["from.role", "x", "y"], ["viewer"])
        described = await world.sql(
            f"SELECT description FROM permissions WHERE workspace_id='{world.workspace_id}' AND slug='x'"
        )
        assert described == [("Auto-created permission: x",)]

    async def test_unknown_role_is_404_and_changes_nothing(self, world: KeyWorld) -> None:
        key = await full_key(world)
        before = await world.ok("getKey", {"keyId": key.id})
        body = {"keyId": key.id, "name": "new", "permissions": ["new.slug"], "roles": ["admin", "gone"]}
        answer = await world.call("updateKey", body)
        assert (answer.status, answer.json["error"]["detail"]) == (404, "Role 'gone' was not found.")
        assert await world.ok("getKey", {"keyId": key.id}) == before
        assert await world.audit() == []

    async def test_change_is_seen_by_the_next_verification(self, world: KeyWorld) -> None:
        key = await full_key(world)
        await world.verify(key.secret)
        await world.ok("updateKey", {"keyId": key.id, "permissions": ["seen"]})
        assert (await world.verify(key.secret, permissions="seen"))["valid"]


class TestAudit:
    async def test_created_permissions_first_then_the_key_under_its_old_name(self, world: KeyWorld) -> None:
        key = await full_key(world)
        await world.ok("updateKey", {"keyId": key.id, "name": "new", "permissions": ["b.new", "docs.read", "a.new"]})
        entries = await world.audit()
        assert [entry["event"] for entry in entries] == ["permission.create", "permission.create", "key.update"]
        assert [entry["targets"][0]["meta"]["slug"] for entry in entries[:2]] == ["b.new", "a.new"]
        assert entries[0]["description"].startswith("Created b.new (perm_")
        assert entries[2]["description"] == f"Updated key {key.id}"
        assert [(t["type"], t["name"]) for t in entries[2]["targets"]] == [("key", "old"), ("api", "payments")]
        assert len({entry["correlation_id"] for entry in entries}) == 1

    async def test_entry_tells_what_changed_from_what_to_what(self, world: KeyWorld) -> None:
        key = await full_key(world)
        before = await world.ok("getKey", {"keyId": key.id})
        for body in ({"enabled": False}, {"name": "new", "permissions": ["b.new"]}, {"meta": {"k": "x" * 3_000}}):
            await world.ok("updateKey", {"keyId": key.id, **body})
        disabled, renamed, grown = (
            e["targets"][0]["meta"]["changes"] for e in await world.audit() if e["event"] == "key.update"
        )
        assert disabled == {"enabled": {"from": True, "to": False}}
        assert renamed["name"] == {"from": before["name"], "to": "new"}
        assert renamed["permissions"]["to"] == ["b.new"]
        assert renamed.keys() == {"name", "permissions"}
        assert grown["meta"]["to"].endswith(" bytes)")
        assert key.secret not in json.dumps(await world.audit())


class TestNotFoundAndDenied:
    async def test_foreign_and_soft_deleted_keys_are_404(self, world: KeyWorld) -> None:
        foreign = await world.key(await world.make_api(await world.workspace()))
        for key in (foreign, await world.key(deleted_at_m=1)):
            assert (await world.call("updateKey", {"keyId": key.id, "name": "x"})).status == 404

    async def test_wrong_permission_is_403_and_the_admin_urn_suffices(self, world: KeyWorld) -> None:
        key = await world.key()
        reader, admin = (
            await world.root_key("api.*.read_key"),
            await world.root_key(f"unkey:v1:{world.workspace_id}:**#*"),
        )
        assert (await world.call("updateKey", {"keyId": key.id}, root=reader.secret)).status == 403
        assert (await world.call("updateKey", {"keyId": key.id}, root=admin.secret)).status == 200


class TestConcurrency:
    async def test_ten_keys_given_one_new_external_id_share_one_identity(self, world: KeyWorld) -> None:
        keys = [await world.key() for _ in range(10)]
        answers = await asyncio.gather(
            *(world.call("updateKey", {"keyId": key.id, "externalId": "new-user"}) for key in keys)
        )
        assert [answer.status for answer in answers] == [200] * 10
        owners = await world.sql(f"SELECT DISTINCT identity_id FROM `keys` WHERE workspace_id='{world.workspace_id}'")
        assert len(owners) == 1
        assert owners[0][0] is not None

    async def test_ten_replacements_of_the_limits_of_one_key_all_succeed(self, world: KeyWorld) -> None:
        key = await world.key()
        answers = await asyncio.gather(
            *(
                world.call(
                    "updateKey",
                    {"keyId": key.id, "ratelimits": [{**LIMIT, "name": f"limit {n % 3}"}, {**LIMIT, "limit": n + 1}]},
                )
                for n in range(10)
            )
        )
        assert [answer.status for answer in answers] == [200] * 10
        assert await world.count("ratelimits", f"key_id='{key.id}'") == 2


class TestInvalid:
    @pytest.mark.parametrize(
        "change",
        [
            {"name": ""},
            {"name": "n" * 256},
            {"externalId": "with space"},
            {"expires": -1},
            {"expires": 4_102_444_800_001},
            {"meta": {str(n): n for n in range(101)}},
            {"credits": {"remaining": -1}},
            {"credits": {"refill": {"interval": "weekly", "amount": 1}}},
            {"ratelimits": [LIMIT] * 51},
            {"permissions": ["with space"]},
            {"roles": ["r"] * 101},
            {"unknown": 1},
        ],
    )
    async def test_body_that_breaks_the_schema_is_400(self, world: KeyWorld, change: dict[str, Any]) -> None:
        key = await world.key()
        assert (await world.call("updateKey", {"keyId": key.id, **change})).status == 400

    async def test_metadata_over_the_column_is_400_and_changes_nothing(self, world: KeyWorld) -> None:
        key = await world.key(name="old")
        body = {"keyId": key.id, "name": "new", "meta": {"a": "x" * 65_530}}
        assert (await world.call("updateKey", body)).status == 400
        assert await world.one("keys", key.id, "name") == ("old",)


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("updateKey", {"keyId": "key_1"}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
