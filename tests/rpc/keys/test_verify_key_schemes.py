"""keys.verifyKey with a migration whose keys other systems hashed in their own ways."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import bcrypt
import pytest
from argon2 import PasswordHasher

from tests.support.keys import PEPPER, KeyWorld, fresh, hash_of

pytestmark = pytest.mark.integration

UNKNOWN = {"valid": False, "code": "NOT_FOUND"}
SCHEMES: dict[str, Callable[[str], str]] = {
    "sha256 hex": lambda key: hashlib.sha256(key.encode()).hexdigest(),
    "sha512 hex": lambda key: hashlib.sha512(key.encode()).hexdigest(),
    "sha512 base64": lambda key: b64encode(hashlib.sha512(key.encode()).digest()).decode(),
    "hmac-sha256": lambda key: "hmac-sha256:" + hmac.new(PEPPER.encode(), key.encode(), "sha256").hexdigest(),
    "bcrypt": lambda key: f"phc:{key[:12]}:{bcrypt.hashpw(key.encode(), bcrypt.gensalt(4)).decode()}",
    "argon2": lambda key: f"phc:{key[:8]}:{PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(key)}",
}


async def migration_of(world: KeyWorld, workspace_id: str = "") -> str:
    id_ = fresh("mig")
    await world.insert("key_migrations", id=id_, workspace_id=workspace_id or world.workspace_id, algorithm="sha256")
    return id_


async def imported(world: KeyWorld, scheme: str, migration: str) -> tuple[Any, str]:
    secret = fresh("sk_live") + fresh("")[1:] + fresh("")[1:]
    return await world.key(hash=SCHEMES[scheme](secret), start="", pending_migration_id=migration), secret


class TestRehash:
    @pytest.mark.parametrize("scheme", SCHEMES)
    async def test_first_use_replaces_the_hash_by_the_native_one(self, world: KeyWorld, scheme: str) -> None:
        migration = await migration_of(world)
        key, secret = await imported(world, scheme, migration)
        assert (await world.verify(secret))["code"] == "NOT_FOUND"
        assert (await world.verify(secret, migrationId=migration))["keyId"] == key.id
        columns = "hash", "start", "pending_migration_id"
        assert await world.one("keys", key.id, *columns) == (hash_of(secret), secret[:12], None)
        assert (await world.verify(secret))["valid"]

    @pytest.mark.parametrize("scheme", SCHEMES)
    async def test_a_key_that_is_almost_the_same_is_unknown(self, world: KeyWorld, scheme: str) -> None:
        migration = await migration_of(world)
        key, secret = await imported(world, scheme, migration)
        assert await world.verify(secret[:-1] + "!", migrationId=migration) == UNKNOWN
        assert (await world.one("keys", key.id, "pending_migration_id"))[0] == migration

    @pytest.mark.parametrize("scheme", SCHEMES)
    async def test_keys_of_another_migration_or_workspace_are_unknown(self, world: KeyWorld, scheme: str) -> None:
        migration, other = await migration_of(world), await migration_of(world)
        _, secret = await imported(world, scheme, other)
        assert await world.verify(secret, migrationId=migration) == UNKNOWN
        foreign = await migration_of(world, "ws_other")
        assert await world.verify(secret, migrationId=foreign) == UNKNOWN

    @pytest.mark.parametrize("scheme", SCHEMES)
    async def test_the_stored_hash_itself_is_no_key(self, world: KeyWorld, scheme: str) -> None:
        migration = await migration_of(world)
        _, secret = await imported(world, scheme, migration)
        assert await world.verify(SCHEMES[scheme](secret), migrationId=migration) == UNKNOWN

    async def test_keys_that_begin_alike_are_told_apart(self, world: KeyWorld) -> None:
        migration = await migration_of(world)
        lead = fresh("sk")
        secrets = [f"{lead}{number}" for number in range(3)]
        keys = [
            await world.key(hash=SCHEMES["bcrypt"](secret), start="", pending_migration_id=migration)
            for secret in secrets
        ]
        assert (await world.verify(secrets[2], migrationId=migration))["keyId"] == keys[2].id

    @pytest.mark.parametrize("character", ["%", "_"])
    async def test_wildcards_in_a_presented_key_find_no_hash_to_verify(self, world: KeyWorld, character: str) -> None:
        """Otherwise a few of them would use the budget up."""
        migration = await migration_of(world)
        await imported(world, "bcrypt", migration)
        for _ in range(6):
            assert await world.verify(character * 30, migrationId=migration) == UNKNOWN

    async def test_first_uses_at_once_agree(self, world: KeyWorld) -> None:
        migration = await migration_of(world)
        key, secret = await imported(world, "bcrypt", migration)
        verdicts = await asyncio.gather(*(world.verify(secret, migrationId=migration) for _ in range(4)))
        assert {verdict.get("keyId") for verdict in verdicts} == {key.id}

    async def test_lookups_go_through_the_index(self, world: KeyWorld) -> None:
        pattern = " OR ".join(f"hash LIKE 'phc:{c}bcd:%' ESCAPE '|'" for c in "abcdef")
        [plan] = await world.sql(f"EXPLAIN SELECT hash FROM `keys` WHERE ({pattern}) AND workspace_id = 'x'")
        assert "hash_idx" in str(plan)


class TestBudget:
    async def test_wrong_keys_run_into_the_budget_and_native_keys_do_not_notice(self, world: KeyWorld) -> None:
        """A salted hash costs CPU for whoever presents something that begins like a key."""
        migration = await migration_of(world)
        _, secret = await imported(world, "bcrypt", migration)
        native = await world.key()
        answers = [
            await world.call("verifyKey", {"key": f"{secret[:-1]}!{n}", "migrationId": migration}) for n in range(6)
        ]
        assert [answer.status for answer in answers] == [200] * 4 + [429] * 2
        assert [answer.headers.get("retry-after") for answer in answers] == [None] * 4 + ["1"] * 2
        assert (await world.verify(native.secret))["valid"]
        world.later(1_000)
        assert (await world.verify(secret, migrationId=migration))["valid"]
