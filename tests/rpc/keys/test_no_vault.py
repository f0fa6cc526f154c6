"""Operations that need a vault, on a service without one: each says so, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.harness import Caller, Harness
from tests.support.mysql import run_sql
from unkey_api.infra.mysql import Dsn

pytestmark = pytest.mark.integration
NO_VAULT = (412, "Vault hasn't been set up.")


@pytest.fixture
async def caller(api: Harness) -> Caller:
    return await api.admin()


async def ok(api: Harness, path: str, body: dict[str, Any], caller: Caller) -> Any:
    answer = await api.post(path, body, caller)
    assert answer.status == 200, answer.body
    return answer.json["data"]


async def keeping_api(api: Harness, caller: Caller, dsn: Dsn) -> str:
    """Return an API whose keyspace keeps secrets, from when there was a vault."""
    made = str((await ok(api, "/v2/apis.createApi", {"name": "keeping"}, caller))["apiId"])
    sql = "UPDATE key_auth k JOIN apis a ON a.key_auth_id = k.id SET k.store_encrypted_keys = 1 WHERE a.id = '{}'"
    await run_sql(dsn, sql.format(made))
    return made


async def test_no_recoverable_key_is_made(api: Harness, caller: Caller, mysql_dsn: Dsn) -> None:
    body = {"apiId": await keeping_api(api, caller, mysql_dsn), "recoverable": True}
    answer = await api.post("/v2/keys.createKey", body, caller)
    assert (answer.status, answer.json["error"]["detail"]) == NO_VAULT
    assert await ok(api, "/v2/apis.listKeys", {"apiId": body["apiId"]}, caller) == []


async def test_no_secret_is_shown_whether_or_not_it_is_kept(api: Harness, caller: Caller, mysql_dsn: Dsn) -> None:
    plain = (await ok(api, "/v2/apis.createApi", {"name": "plain"}, caller))["apiId"]
    for api_id in (plain, await keeping_api(api, caller, mysql_dsn)):
        made = await ok(api, "/v2/keys.createKey", {"apiId": api_id}, caller)
        answer = await api.post("/v2/keys.getKey", {"keyId": made["keyId"], "decrypt": True}, caller)
        assert (answer.status, answer.json["error"]["detail"]) == NO_VAULT


async def test_no_recoverable_key_gets_a_successor(api: Harness, caller: Caller, mysql_dsn: Dsn) -> None:
    api_id = await keeping_api(api, caller, mysql_dsn)
    made = await ok(api, "/v2/keys.createKey", {"apiId": api_id}, caller)
    columns = "workspace_id, key_id, encrypted, encryption_key_id"
    await run_sql(
        mysql_dsn,
        f"INSERT INTO encrypted_keys ({columns}) VALUES ('{caller.workspace_id}', '{made['keyId']}', 'text', 'vault')",
    )
    answer = await api.post("/v2/keys.rerollKey", {"keyId": made["keyId"], "expiration": 0}, caller)
    assert (answer.status, answer.json["error"]["detail"]) == NO_VAULT
    assert len(await ok(api, "/v2/apis.listKeys", {"apiId": api_id}, caller)) == 1
