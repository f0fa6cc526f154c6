"""keys.whoami, through the whole application, with real stores."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.keys import START_MS, KeyWorld, fresh

pytestmark = pytest.mark.integration


class TestSuccess:
    async def test_shows_the_key_of_a_secret_never_in_plain(self, world: KeyWorld) -> None:
        world.api = await world.make_api(keyspace_store_encrypted_keys=True)
        made = await world.create(recoverable=True, name="me", permissions=["b", "a", "C"])
        assert await world.ok("whoami", {"key": made["key"]}) == {
            "keyId": made["keyId"],
            "start": made["key"][:4],
            "enabled": True,
            "createdAt": START_MS,
            "name": "me",
            "permissions": ["C", "a", "b"],
        }

    @pytest.mark.parametrize("columns", [{"enabled": False}, {"expires": "2001-01-01"}])
    async def test_disabled_and_expired_keys_are_shown(self, world: KeyWorld, columns: dict[str, Any]) -> None:
        key = await world.key(**columns)
        assert (await world.ok("whoami", {"key": key.secret}))["keyId"] == key.id


class TestNotFound:
    async def test_a_foreign_key_costs_the_statements_of_an_absent_one(self, world: KeyWorld) -> None:
        foreign = await world.key(await world.make_api(await world.workspace()))
        seen = []
        for secret in (foreign.secret, fresh("sk")):
            await world.verify(secret)  # so that the root key is cached
            with world.statements.recording() as recorded:
                assert (await world.call("whoami", {"key": secret})).status == 404
            seen.append([statement.name for statement in recorded])
        assert seen == [["key_find_id_by_hash"]] * 2

    async def test_unknown_foreign_deleted_and_forbidden_keys_give_the_same_404(self, world: KeyWorld) -> None:
        foreign = await world.key(await world.make_api(await world.workspace()))
        deleted = await world.key(deleted_at_m=1)
        mine = await world.key()
        powerless = (await world.root_key("api.api_other.read_key")).secret
        asked = [(fresh("sk"), None), (foreign.secret, None), (deleted.secret, None), (mine.secret, powerless)]
        errors = []
        for secret, root in asked:
            answer = await world.call("whoami", {"key": secret}, root=root)
            assert answer.status == 404
            errors.append(answer.json["error"])
        assert all(error == errors[0] for error in errors)
        assert errors[0]["detail"] == "The specified key was not found."


class TestInvalid:
    @pytest.mark.parametrize("key", ["", "k" * 513])
    async def test_malformed_secret_is_400(self, world: KeyWorld, key: str) -> None:
        assert (await world.call("whoami", {"key": key})).status == 400


class TestDenied:
    async def test_disabled_root_key_is_403(self, world: KeyWorld) -> None:
        """The one way to get a 403 here: a missing permission is reported as absence."""
        root = await world.root_key("api.*.read_key", enabled=False)
        answer = await world.call("whoami", {"key": "unknown"}, root=root.secret)
        assert answer.status == 403
        assert answer.json["error"]["type"].endswith("authorization/key_disabled")


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("whoami", {"key": "unknown"}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
