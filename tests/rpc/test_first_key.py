"""The main job, end to end in process: an API, a key, a verification, a limit; on both surfaces and in both codecs."""

from __future__ import annotations

import pytest
from connectrpc.code import Code
from unkey_proto.unkey.apis.v2.apis_pb import CreateApiRequest, GetApiRequest
from unkey_proto.unkey.keys.v2.issuing_pb import CreateKeyRequest
from unkey_proto.unkey.keys.v2.keys_connect import KeysServiceClient
from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyRequest
from unkey_proto.unkey.liveness.v2.liveness_pb import LivenessRequest
from unkey_proto.unkey.ratelimit.v2.ratelimit_pb import LimitRequest

from tests.support.harness import Caller, Harness, raises_code

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("codec", ["proto", "json"])
async def test_a_key_is_created_verified_and_its_user_limited_with_generated_clients(api: Harness, codec: str) -> None:
    caller = await api.admin()
    created = await api.apis(caller).create_api(CreateApiRequest(name="payments"))
    shown = (await api.apis(caller).get_api(GetApiRequest(api_id=created.api_id))).api
    assert shown is not None
    assert shown.name == "payments"
    keys = api.rpc(KeysServiceClient, caller, proto_json=codec == "json")
    key = await keys.create_key(CreateKeyRequest(api_id=created.api_id, prefix="pay"))
    assert key.key.startswith("pay_")
    verdict = await keys.verify_key(VerifyKeyRequest(key=key.key))
    assert (verdict.valid, verdict.code, verdict.key_id) == (True, "VALID", key.key_id)
    request = LimitRequest(namespace="logins", identifier="user", limit=1, duration=60_000)
    limited = api.ratelimit(caller)
    assert (await limited.limit(request)).success
    assert not (await limited.limit(request)).success


async def test_the_same_over_http_json(api: Harness) -> None:
    caller = await api.admin()
    created = (await api.post("/v2/apis.createApi", {"name": "payments"}, caller)).json["data"]
    key = (await api.post("/v2/keys.createKey", {"apiId": created["apiId"]}, caller)).json["data"]
    verdict = (await api.post("/v2/keys.verifyKey", {"key": key["key"]}, caller)).json["data"]
    assert (verdict["valid"], verdict["code"], verdict["keyId"]) == (True, "VALID", key["keyId"])


async def test_liveness_needs_no_credential(api: Harness) -> None:
    assert (await api.liveness().liveness(LivenessRequest())).message == "we're cooking"


async def test_unknown_root_key_is_refused(api: Harness) -> None:
    stranger = Caller("ws_x", "unkey_nope")
    with raises_code(Code.UNAUTHENTICATED, "err:unkey:authentication:key_not_found"):
        await api.keys(stranger).verify_key(VerifyKeyRequest(key="x"))
    assert (await api.post("/v2/keys.verifyKey", {"key": "x"}, stranger)).status == 401


class TestWarmPath:
    async def test_warm_verify_and_limit_ask_no_store_before_the_answer(self, api: Harness) -> None:
        caller = await api.admin()
        created = await api.apis(caller).create_api(CreateApiRequest(name="warm"))
        key = await api.keys(caller).create_key(CreateKeyRequest(api_id=created.api_id))
        limit = LimitRequest(namespace="warm", identifier="user", limit=100, duration=60_000)
        verify = VerifyKeyRequest(key=key.key)
        for _ in range(2):
            await api.keys(caller).verify_key(verify)
            await api.ratelimit(caller).limit(limit)
        api.commands.names.clear()
        with api.statements.recording() as seen:
            assert (await api.keys(caller).verify_key(verify)).valid
            assert (await api.ratelimit(caller).limit(limit)).success
        assert seen == []
        # What was spent is sent behind the answer by a script; nothing is read in front of it.
        assert set(api.commands.names) <= {"EVALSHA", "EVAL"}

    async def test_cold_verify_needs_at_most_two_statements(self, api: Harness) -> None:
        caller = await api.admin()
        created = await api.apis(caller).create_api(CreateApiRequest(name="cold"))
        key = await api.keys(caller).create_key(CreateKeyRequest(api_id=created.api_id))
        with api.statements.recording() as seen:
            assert (await api.keys(caller).verify_key(VerifyKeyRequest(key=key.key))).valid
        assert len(seen) <= 2
