"""keys.verifyKey with keys that were imported under another hash."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.support.keys import START_MS, KeyWorld, fresh, hash_of

pytestmark = pytest.mark.integration

UNKNOWN = {"valid": False, "code": "NOT_FOUND"}
SEAM = "github.com/seamapi/prefixed-api-key"


class TestMigration:
    async def test_first_verification_rewrites_and_later_ones_need_no_migration(self, world: KeyWorld) -> None:
        key, secret, migration = await self._imported(world, "my_re")
        assert await world.verify(secret) == UNKNOWN
        assert (await world.verify(secret, migrationId=migration))["keyId"] == key.id
        assert (await world.verify(secret))["valid"]
        stored = await world.one("keys", key.id, "hash", "start", "pending_migration_id", "updated_at_m")
        assert stored == (hash_of(secret), "my_re_shor", None, START_MS)

    async def test_disabled_key_is_rewritten_too(self, world: KeyWorld) -> None:
        key, secret, migration = await self._imported(world, "re", enabled=False)
        assert (await world.verify(secret, migrationId=migration))["code"] == "DISABLED"
        assert (await world.one("keys", key.id, "pending_migration_id"))[0] is None

    async def test_wrong_or_foreign_migration_finds_nothing(self, world: KeyWorld) -> None:
        _, secret, _ = await self._imported(world, "re")
        foreign = fresh("mig")
        await world.insert("key_migrations", id=foreign, workspace_id="ws_other", algorithm=SEAM)
        assert await world.verify(secret, migrationId="nope") == UNKNOWN
        assert await world.verify(secret, migrationId=foreign) == UNKNOWN

    async def test_key_of_another_form_is_400(self, world: KeyWorld) -> None:
        migration = await self._migration(world)
        answer = await world.call("verifyKey", {"key": "no_parts", "migrationId": migration})
        assert (answer.status, answer.json["error"]["detail"]) == (400, "Invalid key format")
        assert answer.json["error"]["type"].endswith("authentication/malformed")

    async def test_sha256_migration_changes_nothing(self, world: KeyWorld) -> None:
        migration = await self._migration(world, "sha256")
        assert await world.verify("a_b_c", migrationId=migration) == UNKNOWN

    async def test_key_of_another_migration_verifies_without_being_rewritten(self, world: KeyWorld) -> None:
        key, secret, first = await self._imported(world, "re")
        second = await self._migration(world)
        assert (await world.verify(secret, migrationId=second))["valid"]
        assert (await world.one("keys", key.id, "pending_migration_id"))[0] == first

    async def _migration(self, world: KeyWorld, algorithm: str = SEAM) -> str:
        id_ = fresh("mig")
        await world.insert("key_migrations", id=id_, workspace_id=world.workspace_id, algorithm=algorithm)
        return id_

    async def _imported(self, world: KeyWorld, prefix: str, **columns: Any) -> tuple[Any, str, str]:
        migration = await self._migration(world)
        long = fresh("")[1:]
        key = await world.key(
            hash=hashlib.sha256(long.encode()).hexdigest(), start="", pending_migration_id=migration, **columns
        )
        return key, f"{prefix}_short_{long}", migration
