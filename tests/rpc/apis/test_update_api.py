"""apis.updateApi."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.apis.making import NOT_FOUND, make_api, urn_of
from tests.support.harness import Harness
from tests.support.key_surroundings import ReversingVault
from tests.support.stage import Stage

pytestmark = pytest.mark.integration
PATH = "/v2/apis.updateApi"
GET = "/v2/apis.getApi"
BARE = {
    "name": "an api", "ipWhitelist": [], "storeEncryptedKeys": False, "deleteProtection": False,
}  # fmt: skip
EVERYTHING = {
    "name": "renamed",
    "ipWhitelist": ["203.0.113.7", "2001:db8::/32"],
    "defaultPrefix": "live",
    "defaultBytes": 32,
    "storeEncryptedKeys": True,
    "deleteProtection": True,
}


@pytest.fixture(autouse=True)
def vault(stage: Stage) -> None:
    """One that works; tests that want none take it away before the first request."""
    stage.vault = ReversingVault()


async def update(stage: Stage, key: str, api_id: str, **body: Any) -> Any:
    answer = await stage.post(PATH, {"apiId": api_id, **body}, root_key=key)
    assert answer.status == 200, answer.body
    return answer.json["data"]


async def stored(stage: Stage, api_id: str) -> tuple[Any, ...]:
    (row,) = await stage.sql(
        "SELECT a.name, a.ip_whitelist, k.default_prefix, k.default_bytes, k.store_encrypted_keys, a.delete_protection,"
        f" a.updated_at_m FROM apis a JOIN key_auth k ON k.id = a.key_auth_id WHERE a.id = '{api_id}'"
    )
    return row


class TestUpdated:
    async def test_everything_at_once(self, stage: Stage, workspace: str, key: str) -> None:
        api_id = await make_api(stage, workspace, keyspace={"default_bytes": None})
        assert await update(stage, key, api_id, **EVERYTHING) == {"id": api_id, **EVERYTHING}
        expected = ("renamed", "203.0.113.7,2001:db8::/32", "live", 32, 1, 1, stage.clock.now_ms())
        assert await stored(stage, api_id) == expected
        (entry,) = await stage.audits(workspace)
        assert (entry["event"], entry["description"]) == ("api.update", f"Updated API {api_id}")
        (target,) = entry["targets"]
        assert target["meta"]["changes"]["name"] == {"from": "an api", "to": "renamed"}
        assert target["meta"]["changes"]["delete_protection"]["to"] is True

    @pytest.mark.parametrize("name", EVERYTHING)
    async def test_one_member_leaves_the_others(self, stage: Stage, workspace: str, key: str, name: str) -> None:
        api_id = await make_api(stage, workspace, keyspace={"default_bytes": None})
        expected = {"id": api_id, **BARE, name: EVERYTHING[name]}
        assert await update(stage, key, api_id, **{name: EVERYTHING[name]}) == expected
        assert await update(stage, key, api_id) == expected

    @pytest.mark.parametrize("empty", [None, []])
    async def test_null_clears(self, stage: Stage, workspace: str, key: str, empty: object) -> None:
        api_id = await make_api(stage, workspace)
        await update(stage, key, api_id, **EVERYTHING)
        cleared = await update(stage, key, api_id, ipWhitelist=empty, defaultPrefix=None, defaultBytes=None)
        assert cleared["ipWhitelist"] == []
        assert not {"defaultPrefix", "defaultBytes"} & cleared.keys()
        assert (await stored(stage, api_id))[1:4] == (None, None, None)

    async def test_nothing_mentioned_shows_and_changes_nothing(self, stage: Stage, workspace: str, key: str) -> None:
        api_id = await make_api(stage, workspace, keyspace={"default_bytes": None})
        assert await update(stage, key, api_id) == {"id": api_id, **BARE}
        assert (await stored(stage, api_id))[-1] is None
        assert await stage.audits(workspace) == []

    async def test_addresses_are_stored_in_their_canonical_form_and_once(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        api_id = await make_api(stage, workspace)
        entries = ["203.0.113.7", " 203.0.113.7/32", "2001:DB8:0::1", "::ffff:198.51.100.0/120", "10.0.0.0/8"]
        answer = await update(stage, key, api_id, ipWhitelist=entries)
        assert answer["ipWhitelist"] == ["203.0.113.7", "2001:db8::1", "198.51.100.0/24", "10.0.0.0/8"]

    async def test_cached_name_is_replaced_here_at_once(self, stage: Stage, workspace: str, key: str) -> None:
        api_id = await make_api(stage, workspace)
        await stage.post(GET, {"apiId": api_id}, root_key=key)
        await update(stage, key, api_id, name="another")
        assert (await stage.post(GET, {"apiId": api_id}, root_key=key)).json["data"]["name"] == "another"

    async def test_specific_permission_suffices(self, stage: Stage, workspace: str) -> None:
        api_id = await make_api(stage, workspace)
        await update(stage, stage.root_key(workspace, f"api.{api_id}.update_api"), api_id, name="another")

    async def test_concurrent_updates_of_different_members_lose_nothing(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        api_id = await make_api(stage, workspace)
        await asyncio.gather(*(update(stage, key, api_id, **{name: value}) for name, value in EVERYTHING.items()))
        assert await update(stage, key, api_id) == {"id": api_id, **EVERYTHING}


class TestEffects:
    async def test_new_keys_follow_prefix_and_length(self, api: Harness) -> None:
        admin = await api.admin()
        made = await api.post("/v2/apis.createApi", {"name": "an api"}, admin)
        api_id = made.json["data"]["apiId"]
        short = await api.post("/v2/keys.createKey", {"apiId": api_id}, admin)
        await api.post(PATH, {"apiId": api_id, "defaultPrefix": "live", "defaultBytes": 64}, admin)
        long = await api.post("/v2/keys.createKey", {"apiId": api_id}, admin)
        assert long.json["data"]["key"].startswith("live_")
        assert len(long.json["data"]["key"]) > 2 * len(short.json["data"]["key"])

    async def test_protection_can_be_switched_on_and_off(self, api: Harness) -> None:
        admin = await api.admin()
        body = {"apiId": (await api.post("/v2/apis.createApi", {"name": "an api"}, admin)).json["data"]["apiId"]}
        await api.post(PATH, {**body, "deleteProtection": True}, admin)
        assert (await api.post("/v2/apis.deleteApi", body, admin)).status == 412
        await api.post(PATH, {**body, "deleteProtection": False}, admin)
        assert (await api.post("/v2/apis.deleteApi", body, admin)).status == 200

    async def test_key_that_verified_a_moment_ago_is_refused_from_elsewhere(self, api: Harness) -> None:
        admin = await api.admin()
        api_id = (await api.post("/v2/apis.createApi", {"name": "an api"}, admin)).json["data"]["apiId"]
        secret = (await api.post("/v2/keys.createKey", {"apiId": api_id}, admin)).json["data"]["key"]

        async def verdict() -> str:
            answer = await api.post("/v2/keys.verifyKey", {"key": secret}, admin)
            return str(answer.json["data"]["code"])

        assert await verdict() == "VALID"
        await api.post(PATH, {"apiId": api_id, "ipWhitelist": ["198.51.100.0/24"]}, admin)
        assert await verdict() == "FORBIDDEN"
        await api.post(PATH, {"apiId": api_id, "ipWhitelist": []}, admin)
        assert await verdict() == "VALID"


class TestNotFound:
    async def test_absent_deleted_and_foreign_look_the_same(self, stage: Stage, workspace: str, key: str) -> None:
        deleted = await make_api(stage, workspace, deleted_at_m=1)
        no_keyspace = await make_api(stage, workspace, keyspace={"deleted_at_m": 1})
        foreign = await make_api(stage, stage.workspace())
        for api_id in ("api_nobodyhasit", deleted, no_keyspace, foreign):
            answer = await stage.post(PATH, {"apiId": api_id, "name": "another"}, root_key=key)
            assert (answer.status, urn_of(answer)) == (404, "api_not_found")
            assert answer.json["error"]["detail"] == NOT_FOUND
        assert (await stored(stage, foreign))[0] == "an api"


class TestPrecondition:
    async def test_secrets_cannot_be_kept_without_a_vault(self, stage: Stage, workspace: str, key: str) -> None:
        api_id = await make_api(stage, workspace)
        stage.vault = None
        answer = await stage.post(PATH, {"apiId": api_id, "storeEncryptedKeys": True, "name": "another"}, root_key=key)
        assert (answer.status, urn_of(answer)) == (412, "precondition_failed")
        assert answer.json["error"]["detail"] == "Vault hasn't been set up."
        assert (await stored(stage, api_id))[0] == "an api"

    async def test_what_is_on_already_may_stay_on(self, stage: Stage, workspace: str, key: str) -> None:
        api_id = await make_api(stage, workspace, keyspace={"store_encrypted_keys": 1})
        stage.vault = None
        assert (await update(stage, key, api_id, storeEncryptedKeys=True, name="another"))["name"] == "another"


class TestDenied:
    async def test_denied_whether_it_exists_or_not(self, stage: Stage, workspace: str) -> None:
        key = stage.root_key(workspace, "api.*.read_api", "api.api_other123.update_api")
        for api_id in (await make_api(stage, workspace), "api_nobodyhasit"):
            answer = await stage.post(PATH, {"apiId": api_id, "name": "another"}, root_key=key)
            assert answer.status == 403
            assert f"api.*.update_api or api.{api_id}.update_api" in answer.json["error"]["detail"]


class TestInvalid:
    @pytest.mark.parametrize(
        "body",
        [
            {"name": "ab"},
            {"name": None},
            {"name": "x" * 257},
            {"defaultPrefix": "too_long_1"},
            {"defaultPrefix": "a-b"},
            {"defaultBytes": 15},
            {"defaultBytes": 256},
            {"storeEncryptedKeys": "yes"},
            {"ipWhitelist": "10.0.0.1"},
            {"unknown": 1},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(
        self, stage: Stage, workspace: str, key: str, body: dict[str, Any]
    ) -> None:
        api_id = await make_api(stage, workspace)
        assert (await stage.post(PATH, {"apiId": api_id, **body}, root_key=key)).status == 400
        assert (await stored(stage, api_id))[-1] is None

    @pytest.mark.parametrize("entry", ["10.0.0.300", "localhost", "10.0.0.1-10.0.0.9", "fe80::1%eth0"])
    async def test_entry_that_is_no_address_is_named(self, stage: Stage, workspace: str, key: str, entry: str) -> None:
        api_id = await make_api(stage, workspace)
        answer = await stage.post(PATH, {"apiId": api_id, "ipWhitelist": ["10.0.0.1", entry]}, root_key=key)
        assert answer.status == 400
        (violation,) = answer.json["error"]["errors"]
        assert violation["location"] == "/properties/ipWhitelist/1"
        assert entry in violation["message"]
        assert (await stored(stage, api_id))[1] is None

    async def test_list_longer_than_its_column_is_refused(self, stage: Stage, workspace: str, key: str) -> None:
        api_id = await make_api(stage, workspace)
        entries = [f"203.0.113.{n}" for n in range(100)]
        answer = await stage.post(PATH, {"apiId": api_id, "ipWhitelist": entries}, root_key=key)
        assert answer.status == 400
        assert "at most 512 fit" in answer.json["error"]["detail"]


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        body = {"apiId": "api_12345678"}
        assert (await stage.post(PATH, body)).status == 400
        assert (await stage.post(PATH, body, root_key="nobody")).status == 401
