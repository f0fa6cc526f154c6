"""keys.migrateKeys, through the whole application, with real stores."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from tests.support.keys import START_MS, KeyWorld, fresh, hash_of

pytestmark = pytest.mark.integration

LIMIT = {"name": "requests", "limit": 10, "duration": 60_000, "autoApply": True}


async def migration(world: KeyWorld, algorithm: str = "sha256", workspace_id: str = "") -> str:
    """Make a migration."""
    id_ = fresh("mig")
    await world.insert("key_migrations", id=id_, workspace_id=workspace_id or world.workspace_id, algorithm=algorithm)
    return id_


def salted(lead: str, number: int) -> dict[str, Any]:
    """Return a key with a bcrypt hash, of which nobody knows the key."""
    return {"hash": f"phc:{lead}:$2b$04${number:053}"}


async def migrate(world: KeyWorld, *keys: dict[str, Any], migration_id: str = "") -> Any:
    """Import keys and return `data`."""
    migration_id = migration_id or await migration(world)
    return await world.ok("migrateKeys", {"migrationId": migration_id, "apiId": world.api.id, "keys": list(keys)})


class TestSuccess:
    async def test_imported_sha256_key_verifies_with_everything_it_came_with(self, world: KeyWorld) -> None:
        secret, id_ = fresh("sk"), await migration(world)
        await world.verify(secret)
        item = {
            "hash": hash_of(secret),
            "name": "k",
            "externalId": "any ID, any:char",
            "meta": {"a": 1},
            "roles": ["new role", "new role"],
            "permissions": ["p.q", "p.q"],
            "expires": 4_000_000_000_000,
            "credits": {"remaining": 5, "refill": {"interval": "monthly", "amount": 9, "refillDay": 1}},
            "ratelimits": [LIMIT],
        }
        data = await migrate(world, item, migration_id=id_)
        ((key_id,),) = ([entry["keyId"]] for entry in data["migrated"])
        assert data == {"migrated": [{"hash": hash_of(secret), "keyId": key_id}], "failed": []}
        seen = await world.verify(secret)
        assert (seen["valid"], seen["name"], seen["permissions"], seen["roles"]) == (True, "k", ["p.q"], ["new role"])
        assert (seen["credits"], seen["identity"]["externalId"]) == (4, "any ID, any:char")
        assert await world.one("keys", key_id, "start", "pending_migration_id", "refill_day") == ("", id_, 1)

    async def test_foreign_format_verifies_with_its_migration(self, world: KeyWorld) -> None:
        id_ = await migration(world, "github.com/seamapi/prefixed-api-key")
        long = fresh("")[1:]
        await migrate(world, {"hash": hashlib.sha256(long.encode()).hexdigest()}, migration_id=id_)
        assert (await world.verify(f"re_short_{long}", migrationId=id_))["valid"]

    async def test_start_of_a_long_foreign_key_is_cut_to_its_column(self, world: KeyWorld) -> None:
        id_ = await migration(world, "github.com/seamapi/prefixed-api-key")
        long = fresh("")[1:]
        data = await migrate(world, {"hash": hashlib.sha256(long.encode()).hexdigest()}, migration_id=id_)
        key = f"{'p' * 400}_short_{long}"
        assert (await world.verify(key, migrationId=id_))["valid"]
        (start,) = await world.one("keys", data["migrated"][0]["keyId"], "start")
        assert start == key[:256]
        assert (await world.verify(key))["valid"]

    async def test_null_remaining_is_unlimited(self, world: KeyWorld) -> None:
        secret = fresh("sk")
        await migrate(world, {"hash": hash_of(secret), "credits": {"remaining": None}})
        assert "credits" not in await world.verify(secret)

    async def test_taken_and_repeated_hashes_fail_and_the_rest_goes_in_by_order(self, world: KeyWorld) -> None:
        foreign = await world.key(await world.make_api(await world.workspace()))
        deleted = await world.key(deleted_at_m=1)
        new = [fresh("hash") for _ in range(3)]
        asked = [new[0], foreign.hash, new[1], new[0], deleted.hash, new[2]]
        data = await migrate(world, *({"hash": h} for h in asked))
        assert [entry["hash"] for entry in data["migrated"]] == new
        assert data["failed"] == [foreign.hash, new[0], deleted.hash]

    async def test_sending_the_same_again_fails_them_all(self, world: KeyWorld) -> None:
        keys, id_ = [{"hash": fresh("hash")} for _ in range(3)], await migration(world)
        await migrate(world, *keys, migration_id=id_)
        data = await migrate(world, *keys, migration_id=id_)
        assert data == {"migrated": [], "failed": [key["hash"] for key in keys]}

    async def test_existing_identities_roles_and_permissions_are_reused(self, world: KeyWorld) -> None:
        identity, role = await world.identity("u"), await world.role("r")
        permission = await world.permission("p")
        item = {"externalId": "u", "roles": ["r"], "permissions": ["p"]}
        data = await migrate(world, *({"hash": fresh("hash"), **item} for _ in range(2)))
        for entry in data["migrated"]:
            key_id = entry["keyId"]
            assert await world.one("keys", key_id, "identity_id") == (identity,)
            assert await world.one("keys_roles", key_id, "role_id", by="key_id") == (role,)
            assert await world.one("keys_permissions", key_id, "permission_id", by="key_id") == (permission,)

    async def test_events_per_key_under_one_correlation(self, world: KeyWorld) -> None:
        id_ = await migration(world)
        item = {"hash": fresh("hash"), "name": "k", "permissions": ["p"], "roles": ["r"]}
        data = await migrate(world, item, migration_id=id_)
        key_id = data["migrated"][0]["keyId"]
        entries = await world.audit()
        assert [entry["description"] for entry in entries] == [
            f"Added permission p to key {key_id}",
            f"Connected role r to key {key_id}",
            f"Created key {key_id} in migration {id_}",
        ]
        assert [(t["type"], t["name"]) for t in entries[2]["targets"]] == [("key", "k"), ("api", "payments")]

    async def test_statements_do_not_grow_with_the_number_of_keys(self, world: KeyWorld) -> None:
        id_ = await migration(world)
        item = {"permissions": ["p"], "roles": ["r"], "externalId": "u", "ratelimits": [LIMIT]}
        await migrate(world, {"hash": fresh("hash"), **item}, migration_id=id_)
        with world.statements.recording() as one:
            await migrate(world, {"hash": fresh("hash"), **item}, migration_id=id_)
        with world.statements.recording() as many:
            await migrate(world, *({"hash": fresh("hash"), **item} for _ in range(50)), migration_id=id_)
        assert [s.name for s in many] == [s.name for s in one]

    async def test_importers_of_the_same_names_at_once_all_succeed(self, world: KeyWorld) -> None:
        id_ = await migration(world)
        item = {"permissions": ["p.1", "p.2"], "roles": ["r.1", "r.2"], "externalId": "u"}
        answers = await asyncio.gather(
            *(
                world.call(
                    "migrateKeys",
                    {"migrationId": id_, "apiId": world.api.id, "keys": [{"hash": fresh("hash"), **item}]},
                )
                for _ in range(10)
            )
        )
        assert [answer.status for answer in answers] == [200] * 10
        for table, rows in (("permissions", 2), ("roles", 2), ("identities", 1)):
            assert await world.count(table, f"workspace_id='{world.workspace_id}'") == rows


class TestUnfinished:
    async def test_a_hash_that_was_taken_is_our_failure_and_never_a_verdict(self, world: KeyWorld) -> None:
        """Deleted keys keep theirs, so the imported one cannot be rewritten to it."""
        secret, id_ = fresh("sk"), await migration(world)
        foreign = hashlib.sha512(secret.encode()).hexdigest()
        ((key_id,),) = (
            [entry["keyId"]] for entry in (await migrate(world, {"hash": foreign}, migration_id=id_))["migrated"]
        )
        deleted = await world.key(secret=secret, deleted_at_m=START_MS)
        answer = await world.call("verifyKey", {"key": secret, "migrationId": id_})
        assert answer.status == 500, answer.body
        assert await world.one("keys", key_id, "hash", "pending_migration_id") == (foreign, id_)
        await world.update("keys", deleted.id, hash=fresh("hash"))
        assert (await world.verify(secret, migrationId=id_))["valid"]
        assert await world.one("keys", key_id, "hash", "pending_migration_id") == (hash_of(secret), None)


class TestDenied:
    async def test_permission_is_asked_before_the_api_is_looked_up(self, world: KeyWorld) -> None:
        root = await world.root_key("api.*.create")
        body = {"migrationId": "mig", "apiId": "api_absent", "keys": [{"hash": "abc"}]}
        assert (await world.call("migrateKeys", body, root=root.secret)).status == 403


class TestNotFound:
    async def test_absent_foreign_and_deleted_apis_are_404(self, world: KeyWorld) -> None:
        foreign = await world.make_api(await world.workspace())
        deleted = await world.make_api(deleted_at_m=1)
        for api_id in ("api_absent", foreign.id, deleted.id):
            body = {"migrationId": await migration(world), "apiId": api_id, "keys": [{"hash": "abc"}]}
            answer = await world.call("migrateKeys", body)
            assert answer.status == 404
            assert answer.json["error"]["detail"] == "The requested API does not exist or has been deleted."

    async def test_absent_or_foreign_migration_is_404(self, world: KeyWorld) -> None:
        foreign = await migration(world, workspace_id="ws_other")
        for id_ in ("mig_absent", foreign):
            body = {"migrationId": id_, "apiId": world.api.id, "keys": [{"hash": fresh("hash")}]}
            answer = await world.call("migrateKeys", body)
            assert answer.status == 404
            assert answer.json["error"]["type"].endswith("data/migration_not_found")


class TestInvalid:
    async def test_no_more_salted_hashes_that_begin_alike_than_are_tried(self, world: KeyWorld) -> None:
        """One beyond them could never be verified, and each wrong key would cost a verification of all of them."""
        id_, lead = await migration(world), fresh("k")[:12]
        await migrate(world, *(salted(lead, n) for n in range(5)), migration_id=id_)
        body = {"migrationId": id_, "apiId": world.api.id}
        answer = await world.call("migrateKeys", body | {"keys": [salted(lead, n) for n in range(3, 9)]})
        assert (answer.status, "`keys[5].hash`" in answer.json["error"]["detail"]) == (400, True)
        assert f"begin like '{lead}'" in answer.json["error"]["detail"]
        assert await world.count("keys", f"pending_migration_id = '{id_}'") == 5
        await migrate(world, *(salted(lead, n) for n in range(8)), salted(lead[::-1], 9), migration_id=id_)
        assert await world.count("keys", f"pending_migration_id = '{id_}'") == 9

    async def test_imports_at_once_count_each_other(self, world: KeyWorld) -> None:
        id_, lead = await migration(world), fresh("k")[:12]
        bodies = [
            {"migrationId": id_, "apiId": world.api.id, "keys": [salted(lead, 10 * n + k) for k in range(3)]}
            for n in range(5)
        ]
        answers = await asyncio.gather(*(world.call("migrateKeys", body) for body in bodies))
        assert sorted(answer.status for answer in answers) == [200, 200, 400, 400, 400]
        assert await world.count("keys", f"pending_migration_id = '{id_}'") == 6

    @pytest.mark.parametrize(
        ("phc", "said"),
        [
            ("$2b$13$" + "a" * 53, "bcrypt cost of 13"),
            ("$argon2id$v=19$m=131072,t=1,p=1$c2FsdHNhbHQ$" + "a" * 43, "memory"),
        ],
    )
    async def test_a_hash_that_costs_too_much_is_refused(self, world: KeyWorld, phc: str, said: str) -> None:
        id_ = await migration(world)
        keys = [salted("abcd", 1), {"hash": f"phc:abcd:{phc}"}]
        answer = await world.call("migrateKeys", {"migrationId": id_, "apiId": world.api.id, "keys": keys})
        assert answer.status == 400
        assert "`keys[1].hash` costs too much" in answer.json["error"]["detail"]
        assert said in answer.json["error"]["detail"]
        assert await world.count("keys", f"pending_migration_id = '{id_}'") == 0

    async def test_a_hash_longer_than_its_column_is_refused_by_name(self, world: KeyWorld) -> None:
        id_ = await migration(world)
        keys = [{"hash": "é" * 256}, {"hash": "é" * 257}]
        answer = await world.call("migrateKeys", {"migrationId": id_, "apiId": world.api.id, "keys": keys})
        assert (answer.status, answer.json["error"]["detail"]) == (
            400,
            "`keys[1].hash` has 257 characters, at most 256 fit.",
        )
        await migrate(world, keys[0], migration_id=id_)

    async def test_monthly_refill_without_a_day_is_400_and_imports_nothing(self, world: KeyWorld) -> None:
        refill = {"interval": "monthly", "amount": 1}
        keys = [{"hash": fresh("hash")}, {"hash": fresh("hash"), "credits": {"remaining": 1, "refill": refill}}]
        body = {"migrationId": await migration(world), "apiId": world.api.id, "keys": keys}
        assert (await world.call("migrateKeys", body)).status == 400
        assert await world.count("keys", f"workspace_id='{world.workspace_id}'") == 0

    @pytest.mark.parametrize("keys", [[], [{"hash": "ab"}], [{}], [{"hash": "abc", "credits": {}}]])
    async def test_body_that_breaks_the_schema_is_400(self, world: KeyWorld, keys: list[Any]) -> None:
        body = {"migrationId": await migration(world), "apiId": world.api.id, "keys": keys}
        assert (await world.call("migrateKeys", body)).status == 400


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        body = {"migrationId": "mig", "apiId": "api_1", "keys": [{"hash": "abc"}]}
        answer = await world.call("migrateKeys", body, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
