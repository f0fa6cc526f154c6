"""keys.getKey, through the whole application, with real stores."""

from __future__ import annotations

import pytest

from tests.support.keys import START_MS, KeyWorld, fresh

pytestmark = pytest.mark.integration

NOT_FOUND = "The specified key was not found."


class TestSuccess:
    async def test_bare_key_shows_exactly_these_fields(self, world: KeyWorld) -> None:
        key = await world.key()
        assert await world.ok("getKey", {"keyId": key.id}) == {
            "keyId": key.id,
            "start": key.secret[:7],
            "enabled": True,
            "createdAt": START_MS,
        }

    async def test_everything_stored_is_shown(self, world: KeyWorld) -> None:
        identity = await world.identity("user_1", meta='{"plan":"pro"}')
        key = await world.key(
            name="k",
            meta='{"a":1}',
            identity_id=identity,
            remaining_requests=0,
            refill_amount=100,
            refill_day=15,
            enabled=False,
            expires="2099-01-01",
            updated_at_m=5,
            last_used_at=6,
        )
        await world.grant(key.id, ["b", "a"])
        await world.give_role(key.id, await world.role("admin", "a", "c"))
        own = await world.limit("same", key_id=key.id, limit=5)
        shared = await world.limit("same", identity_id=identity, auto_apply=False)
        minute = 60_000
        assert await world.ok("getKey", {"keyId": key.id}) == {
            "keyId": key.id,
            "start": key.secret[:7],
            "enabled": False,
            "createdAt": START_MS,
            "updatedAt": 5,
            "lastUsedAt": 6,
            "name": "k",
            "meta": {"a": 1},
            "expires": 4_070_908_800_000,
            "permissions": ["a", "b", "c"],
            "roles": ["admin"],
            "credits": {"remaining": 0, "refill": {"interval": "monthly", "amount": 100, "refillDay": 15}},
            "identity": {
                "id": identity,
                "externalId": "user_1",
                "meta": {"plan": "pro"},
                "ratelimits": [{"id": shared, "name": "same", "limit": 10, "duration": minute, "autoApply": False}],
            },
            "ratelimits": [{"id": own, "name": "same", "limit": 5, "duration": minute, "autoApply": True}],
        }

    async def test_disabled_and_expired_keys_are_shown(self, world: KeyWorld) -> None:
        disabled, expired = await world.key(enabled=False), await world.key(expires="2020-01-01")
        assert (await world.ok("getKey", {"keyId": disabled.id}))["enabled"] is False
        assert (await world.ok("getKey", {"keyId": expired.id}))["expires"] == 1_577_836_800_000

    async def test_daily_refill_has_no_day_and_an_unlimited_key_shows_none(self, world: KeyWorld) -> None:
        daily = await world.key(remaining_requests=1, refill_amount=9)
        unlimited = await world.key(refill_amount=9)
        shown = await world.ok("getKey", {"keyId": daily.id})
        assert shown["credits"] == {"remaining": 1, "refill": {"interval": "daily", "amount": 9}}
        assert "credits" not in await world.ok("getKey", {"keyId": unlimited.id})

    async def test_deleted_identity_is_not_shown(self, world: KeyWorld) -> None:
        key = await world.key(identity_id=await world.identity(deleted=True))
        assert "identity" not in await world.ok("getKey", {"keyId": key.id})

    async def test_a_foreign_key_costs_the_statements_of_an_absent_one(self, world: KeyWorld) -> None:
        foreign = await world.key(await world.make_api(await world.workspace()))
        await world.call("getKey", {"keyId": "key_absent"})  # so that the root key is cached
        seen = []
        for key_id in (foreign.id, "key_absent"):
            with world.statements.recording() as recorded:
                assert (await world.call("getKey", {"keyId": key_id})).status == 404
            seen.append([statement.name for statement in recorded])
        assert seen == [["live_key_find_by_id"]] * 2

    async def test_two_statements(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.ok("getKey", {"keyId": key.id})
        with world.statements.recording() as seen:
            await world.ok("getKey", {"keyId": key.id})
        assert [statement.name for statement in seen] == ["live_key_find_by_id", "key_details_find"]


class TestDecrypt:
    async def test_recoverable_key_is_shown_in_plain_only_when_asked(self, world: KeyWorld) -> None:
        world.api = await world.make_api(keyspace_store_encrypted_keys=True)
        made = await world.create(recoverable=True)
        assert "plaintext" not in await world.ok("getKey", {"keyId": made["keyId"]})
        shown = await world.ok("getKey", {"keyId": made["keyId"], "decrypt": True})
        assert shown["plaintext"] == made["key"]

    async def test_key_that_is_not_kept_or_a_failing_vault_shows_the_rest(self, world: KeyWorld) -> None:
        world.api = await world.make_api(keyspace_store_encrypted_keys=True)
        plain = await world.key()
        made = await world.create(recoverable=True)
        world.vault.down = True
        for key_id in (plain.id, made["keyId"]):
            assert "plaintext" not in await world.ok("getKey", {"keyId": key_id, "decrypt": True})

    async def test_keyspace_that_keeps_none_is_412(self, world: KeyWorld) -> None:
        key = await world.key()
        answer = await world.call("getKey", {"keyId": key.id, "decrypt": True})
        assert answer.status == 412
        assert answer.json["error"]["detail"] == "The API for this key does not support key encryption."


class TestDenied:
    @pytest.mark.parametrize("permission", ["api.api_other.read_key", "api.*.decrypt_key", "api.*.verify_key"])
    async def test_without_read_permission_it_is_403_that_names_what_is_missing(
        self, world: KeyWorld, permission: str
    ) -> None:
        key = await world.key()
        root = await world.root_key(permission)
        answer = await world.call("getKey", {"keyId": key.id}, root=root.secret)
        urn = f"unkey:v1:{world.workspace_id}:keyspaces/{world.api.keyspace_id}/keys/{key.id}#read_key"
        assert answer.status == 403
        assert answer.json["error"]["detail"] == (
            f"Missing one of these permissions: api.*.read_key or api.{world.api.id}.read_key or {urn}"
        )

    async def test_reading_is_not_decrypting(self, world: KeyWorld) -> None:
        key = await world.key()
        root = await world.root_key("api.*.read_key")
        assert (await world.call("getKey", {"keyId": key.id, "decrypt": True}, root=root.secret)).status == 403


class TestNotFound:
    async def test_every_reason_gives_the_same_404(self, world: KeyWorld) -> None:
        """Existence must not leak across workspaces: the answer equals that for an unknown key."""
        foreign = await world.key(await world.make_api(await world.workspace()))
        deleted = await world.key(deleted_at_m=1)
        of_deleted_api = await world.key(await world.make_api(deleted_at_m=1))
        of_deleted_keyspace = await world.key(await world.make_api(keyspace_deleted_at_m=1))
        ids = ["key_absent", foreign.id, deleted.id, of_deleted_api.id, of_deleted_keyspace.id]
        errors = []
        for key_id in ids:
            answer = await world.call("getKey", {"keyId": key_id})
            assert answer.status == 404
            errors.append(answer.json["error"])
        assert all(error == errors[0] for error in errors)
        assert errors[0]["detail"] == NOT_FOUND
        assert errors[0]["type"].endswith("data/key_not_found")


class TestInvalid:
    @pytest.mark.parametrize("key_id", ["", "ab", "k" * 256, "key-1", None])
    async def test_malformed_id_is_400(self, world: KeyWorld, key_id: str | None) -> None:
        assert (await world.call("getKey", {"keyId": key_id})).status == 400


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("getKey", {"keyId": "key_1"}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
