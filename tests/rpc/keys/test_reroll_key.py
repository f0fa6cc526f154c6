"""keys.rerollKey, through the whole application, with real stores."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from tests.support.keys import START_MS, KeyWorld, fresh, hash_of
from tests.support.waiting import eventually
from unkey_api.infra.mysql import Statement, WriteConn

pytestmark = pytest.mark.integration

MINUTE = 60_000
LIMIT = {"name": "requests", "limit": 10, "duration": MINUTE, "autoApply": True}
COPIED = ("name", "meta", "enabled", "remaining_requests", "refill_amount", "refill_day", "identity_id", "key_auth_id")


class TestSuccess:
    async def test_new_key_has_another_secret_and_all_the_settings(self, world: KeyWorld) -> None:
        world.api = await world.make_api(keyspace_store_encrypted_keys=True)
        await world.role("admin")
        made = await world.create(
            prefix="my_co",
            name="k",
            meta={"a": 1},
            externalId="u",
            roles=["admin"],
            permissions=["p.q"],
            ratelimits=[LIMIT],
            recoverable=True,
            credits={"remaining": 7, "refill": {"interval": "monthly", "amount": 9, "refillDay": 1}},
        )
        new = await world.ok("rerollKey", {"keyId": made["keyId"], "expiration": 0})
        assert new["key"].startswith("my_co_")
        assert {new["keyId"], new["key"]}.isdisjoint({made["keyId"], made["key"]})
        assert await world.one("keys", new["keyId"], *COPIED) == await world.one("keys", made["keyId"], *COPIED)
        assert await world.one("keys", new["keyId"], "hash", "expires", "pending_migration_id") == (
            hash_of(new["key"]),
            None,
            None,
        )
        shown = await world.ok("getKey", {"keyId": new["keyId"], "decrypt": True})
        assert (shown["permissions"], shown["roles"], shown["plaintext"]) == (["p.q"], ["admin"], new["key"])
        assert [limit["name"] for limit in shown["ratelimits"]] == ["requests"]
        old = await world.ok("getKey", {"keyId": made["keyId"]})
        assert old["ratelimits"][0]["id"] != shown["ratelimits"][0]["id"]

    async def test_grace_ends_at_the_next_full_minute_and_the_old_key_goes_on_until_then(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.verify(key.secret)
        world.later(500)
        await world.ok("rerollKey", {"keyId": key.id, "expiration": MINUTE})
        assert (await world.ok("getKey", {"keyId": key.id}))["expires"] == START_MS + 2 * MINUTE
        assert (await world.verify(key.secret))["expires"] == START_MS + 2 * MINUTE

    async def test_exact_minute_moves_on_too(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.ok("rerollKey", {"keyId": key.id, "expiration": MINUTE})
        assert (await world.ok("getKey", {"keyId": key.id}))["expires"] == START_MS + 2 * MINUTE

    async def test_no_grace_ends_the_old_key_at_once_also_on_a_warm_cache(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.verify(key.secret)
        new = await world.ok("rerollKey", {"keyId": key.id, "expiration": 0})
        world.later(1)
        assert (await world.verify(key.secret))["code"] == "EXPIRED"
        assert (await world.verify(new["key"]))["valid"]

    async def test_null_leaves_the_old_key_as_it_is(self, world: KeyWorld) -> None:
        key = await world.key(expires="2099-01-01")
        new = await world.ok("rerollKey", {"keyId": key.id, "expiration": None})
        for id_ in (key.id, new["keyId"]):
            assert (await world.ok("getKey", {"keyId": id_}))["expires"] == 4_070_908_800_000

    async def test_grace_never_prolongs(self, world: KeyWorld) -> None:
        key = await world.key(expires="2025-06-15 16:00:00")
        end = (await world.ok("getKey", {"keyId": key.id}))["expires"]
        assert end > START_MS
        new = await world.ok("rerollKey", {"keyId": key.id, "expiration": 30 * 24 * 60 * MINUTE})
        for id_ in (key.id, new["keyId"]):
            assert (await world.ok("getKey", {"keyId": id_}))["expires"] == end
        world.later(end - START_MS + 1)
        assert (await world.verify(key.secret))["code"] == "EXPIRED"

    async def test_a_key_whose_end_was_moved_since_may_be_rerolled_again(self, world: KeyWorld) -> None:
        key = await world.key()
        body = {"keyId": key.id, "expiration": MINUTE}
        first = await world.ok("rerollKey", body)
        await world.ok("updateKey", {"keyId": key.id, "expires": None})
        second = await world.ok("rerollKey", body)
        assert first["keyId"] != second["keyId"]
        assert (await world.call("rerollKey", body)).status == 412

    async def test_everything_is_copied_as_it_is_under_the_lock(self, world: KeyWorld) -> None:
        """What was read before the lock may be out of date when it is got."""
        key = await world.key(remaining_requests=9, name="before", meta='{"a":1}')
        identity = await world.identity()
        held, release = asyncio.Event(), asyncio.Event()
        change = Statement(
            "test_change",
            "UPDATE `keys` SET enabled = FALSE, expires = '2099-01-01', name = 'after', meta = NULL,"
            " remaining_requests = 4, identity_id = %(i)s, refill_amount = 8 WHERE id = %(id)s",
        )

        async def change_slowly(tx: WriteConn) -> None:
            await tx.execute(change, {"id": key.id, "i": identity})
            held.set()
            await release.wait()

        async def waits_for_the_lock() -> bool:
            asking = f"info LIKE '%{key.id}%FOR UPDATE%' AND info NOT LIKE '%processlist%'"
            return await world.sql(f"SELECT COUNT(*) FROM information_schema.processlist WHERE {asking}") != [(0,)]

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.database.transaction("test_change", change_slowly))
            await held.wait()
            reroll = tasks.create_task(world.ok("rerollKey", {"keyId": key.id, "expiration": 0}))
            await eventually(waits_for_the_lock)
            release.set()
        made = (await reroll)["keyId"]
        assert await world.one("keys", made, *COPIED) == await world.one("keys", key.id, *COPIED)
        assert await world.one("keys", made, "enabled", "name", "meta") == (0, "after", None)
        assert (await world.ok("getKey", {"keyId": made}))["expires"] == 4_070_908_800_000

    async def test_key_without_prefix_takes_that_of_its_keyspace(self, world: KeyWorld) -> None:
        api = await world.make_api(keyspace_default_prefix="ks", keyspace_default_bytes=32)
        key = await world.key(api, start="abcd")
        new = await world.ok("rerollKey", {"keyId": key.id, "expiration": 0})
        assert new["key"].startswith("ks_")
        assert len(new["key"]) > 40

    async def test_balance_is_the_current_one_with_spends_that_are_on_their_way(self, world: KeyWorld) -> None:
        key = await world.key(remaining_requests=10)
        await world.verify(key.secret, credits={"cost": 3})
        new = await world.ok("rerollKey", {"keyId": key.id, "expiration": 0})
        assert (await world.ok("getKey", {"keyId": new["keyId"]}))["credits"]["remaining"] == 7

    async def test_one_event_names_new_old_and_api(self, world: KeyWorld) -> None:
        key = await world.key(name="k")
        new = await world.ok("rerollKey", {"keyId": key.id, "expiration": 0})
        (entry,) = await world.audit()
        assert (entry["event"], entry["description"]) == ("key.reroll", f"Rerolled key ({key.id}) to ({new['keyId']})")
        assert [(t["type"], t["id"]) for t in entry["targets"]] == [
            ("key", new["keyId"]),
            ("key", key.id),
            ("api", world.api.id),
        ]


class TestDenied:
    @pytest.mark.parametrize("permission", ["api.*.read_key", "api.api_other.create_key"])
    async def test_without_create_permission_it_is_403(self, world: KeyWorld, permission: str) -> None:
        key = await world.key()
        root = await world.root_key(permission)
        body = {"keyId": key.id, "expiration": 0}
        assert (await world.call("rerollKey", body, root=root.secret)).status == 403

    async def test_recoverable_key_needs_encrypt_permission(self, world: KeyWorld) -> None:
        world.api = await world.make_api(keyspace_store_encrypted_keys=True)
        made = await world.create(recoverable=True)
        root = await world.root_key("api.*.create_key")
        body = {"keyId": made["keyId"], "expiration": 0}
        assert (await world.call("rerollKey", body, root=root.secret)).status == 403


class TestNotFound:
    async def test_absent_key_is_404(self, world: KeyWorld) -> None:
        answer = await world.call("rerollKey", {"keyId": "key_absent", "expiration": 0})
        assert (answer.status, answer.json["error"]["detail"]) == (404, "The specified key was not found.")

    async def test_deleted_and_foreign_keys_are_404_and_stay_as_they_are(self, world: KeyWorld) -> None:
        deleted, foreign = (
            await world.key(deleted_at_m=1),
            await world.key(await world.make_api(await world.workspace())),
        )
        for key in (deleted, foreign):
            assert (await world.call("rerollKey", {"keyId": key.id, "expiration": 0})).status == 404
            assert await world.one("keys", key.id, "expires") == (None,)


class TestPrecondition:
    async def test_keyspace_that_stopped_keeping_secrets_is_412(self, world: KeyWorld) -> None:
        world.api = await world.make_api(keyspace_store_encrypted_keys=True)
        made = await world.create(recoverable=True)
        await world.update("key_auth", world.api.keyspace_id, store_encrypted_keys=False)
        answer = await world.call("rerollKey", {"keyId": made["keyId"], "expiration": 0})
        assert (answer.status, answer.json["error"]["detail"]) == (412, "This API does not support key encryption.")

    @pytest.mark.parametrize("grace", [0, 24 * 60 * MINUTE])
    async def test_of_a_client_and_its_retries_one_makes_a_successor(self, world: KeyWorld, grace: int) -> None:
        key = await world.key(remaining_requests=100)
        body = {"keyId": key.id, "expiration": grace}
        answers = await asyncio.gather(*(world.call("rerollKey", body) for _ in range(5)))
        assert sorted(answer.status for answer in answers) == [200, 412, 412, 412, 412]
        (made,) = (answer.json["data"]["keyId"] for answer in answers if answer.status == 200)
        assert await world.count("keys", f"key_auth_id = '{world.api.keyspace_id}'") == 2
        world.later(1)
        again = await world.call("rerollKey", body)
        assert (again.status, again.json["error"]["type"].endswith("application/precondition_failed")) == (412, True)
        assert made in again.json["error"]["detail"]
        await world.ok("rerollKey", {"keyId": made, "expiration": grace})

    async def test_a_key_can_be_rerolled_through_the_millisecond_of_its_expiry(self, world: KeyWorld) -> None:
        for late, status in ((0, 200), (1, 412)):
            key = await world.key(expires=datetime.fromtimestamp((world.clock.now_ms() + 5) / 1_000, tz=UTC))
            world.later(5 + late)
            assert (await world.call("rerollKey", {"keyId": key.id, "expiration": 0})).status == status

    async def test_an_expired_key_is_neither_copied_nor_revived(self, world: KeyWorld) -> None:
        key = await world.key(expires="2020-01-01")
        answer = await world.call("rerollKey", {"keyId": key.id, "expiration": 24 * 60 * MINUTE})
        assert (answer.status, "has expired" in answer.json["error"]["detail"]) == (412, True)
        assert (await world.verify(key.secret))["code"] == "EXPIRED"
        assert await world.count("keys", f"key_auth_id = '{world.api.keyspace_id}'") == 1


class TestInvalid:
    @pytest.mark.parametrize("expiration", [-1, 4_102_444_800_001, "1"])
    async def test_malformed_grace_is_400(self, world: KeyWorld, expiration: object) -> None:
        key = await world.key()
        assert (await world.call("rerollKey", {"keyId": key.id, "expiration": expiration})).status == 400


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("rerollKey", {"keyId": "key_1", "expiration": 0}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
