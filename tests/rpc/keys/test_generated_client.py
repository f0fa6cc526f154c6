"""Operations of keys through the generated client, both codecs, on the application of the composition root."""

from __future__ import annotations

import pytest
from connectrpc.code import Code
from protobuf.wkt.google.protobuf.field_mask_pb import FieldMask
from protobuf.wkt.google.protobuf.struct_pb import Struct
from unkey_proto.unkey.apis.v2.apis_pb import CreateApiRequest
from unkey_proto.unkey.keys.v2.grants_pb import AddPermissionsRequest
from unkey_proto.unkey.keys.v2.issuing_pb import CreateKeyRequest, RerollKeyRequest
from unkey_proto.unkey.keys.v2.key_pb import KeyCredits
from unkey_proto.unkey.keys.v2.keys_connect import KeysServiceClient
from unkey_proto.unkey.keys.v2.management_pb import (
    DeleteKeyRequest,
    GetKeyRequest,
    UpdateCreditsRequest,
    UpdateKeyRequest,
)
from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyRequest, WhoamiRequest
from unkey_proto.unkey.ratelimit.v2.config_pb import RatelimitConfig

from tests.support.harness import Caller, Harness, raises_code

pytestmark = pytest.mark.integration


async def make_api(api: Harness, caller: Caller) -> str:
    """Create an API."""
    return str((await api.apis(caller).create_api(CreateApiRequest(name="payments"))).api_id)


@pytest.mark.parametrize("proto_json", [False, True])
async def test_life_of_a_key(api: Harness, proto_json: bool) -> None:  # noqa: FBT001 - parametrised
    caller = await api.admin()
    keys = api.rpc(KeysServiceClient, caller, proto_json=proto_json)
    created = await keys.create_key(
        CreateKeyRequest(
            api_id=await make_api(api, caller),
            name="k",
            external_id="user_1",
            meta=Struct.from_json('{"plan":"pro"}'),
            permissions=["docs.read"],
            credits=KeyCredits(remaining=5),
            ratelimits=[RatelimitConfig(name="requests", limit=10, duration=60_000, auto_apply=True)],
        )
    )
    verdict = await keys.verify_key(VerifyKeyRequest(key=created.key, permissions="docs.read"))
    assert (verdict.valid, verdict.code, verdict.key_id, verdict.credits) == (True, "VALID", created.key_id, 4)
    assert [limit.remaining for limit in verdict.ratelimits] == [9]
    assert verdict.identity is not None
    assert verdict.identity.external_id == "user_1"

    added = await keys.add_permissions(AddPermissionsRequest(key_id=created.key_id, permissions=["docs.write"]))
    assert [permission.slug for permission in added.permissions] == ["docs.read", "docs.write"]
    change = UpdateCreditsRequest(key_id=created.key_id, operation="increment", value=6)
    credits_ = (await keys.update_credits(change)).credits
    assert credits_ is not None
    assert credits_.remaining == 10

    shown = (await keys.get_key(GetKeyRequest(key_id=created.key_id))).key
    assert shown == (await keys.whoami(WhoamiRequest(key=created.key))).key
    successor = await keys.reroll_key(RerollKeyRequest(key_id=created.key_id, expiration=0))
    assert (await keys.verify_key(VerifyKeyRequest(key=successor.key))).valid
    await keys.delete_key(DeleteKeyRequest(key_id=successor.key_id))
    assert (await keys.verify_key(VerifyKeyRequest(key=successor.key))).code == "NOT_FOUND"


async def test_mask_of_nulls_clears_and_absence_leaves_alone(api: Harness) -> None:
    caller = await api.admin()
    keys = api.keys(caller)
    api_id = await make_api(api, caller)
    created = await keys.create_key(
        CreateKeyRequest(api_id=api_id, name="k", external_id="u", permissions=["a"], credits=KeyCredits(remaining=5))
    )
    cleared = FieldMask(paths=["name", "credits.remaining", "permissions"])
    await keys.update_key(UpdateKeyRequest(key_id=created.key_id, null_fields=cleared))
    shown = (await keys.get_key(GetKeyRequest(key_id=created.key_id))).key
    assert shown is not None
    assert (shown.name, shown.credits, list(shown.permissions)) == ("", None, [])
    assert shown.identity is not None


async def test_failures_carry_the_code_of_the_catalogue(api: Harness) -> None:
    caller = await api.admin()
    keys = api.keys(caller)
    with raises_code(Code.NOT_FOUND, "err:unkey:data:key_not_found"):
        await keys.get_key(GetKeyRequest(key_id="key_absent"))
    with raises_code(Code.NOT_FOUND, "err:unkey:data:api_not_found"):
        await keys.create_key(CreateKeyRequest(api_id="api_absent"))
    with raises_code(Code.INVALID_ARGUMENT):
        await keys.verify_key(VerifyKeyRequest())
    reader = api.keys(await api.caller("api.*.read_key", workspace_id=caller.workspace_id))
    created = await keys.create_key(CreateKeyRequest(api_id=await make_api(api, caller)))
    with raises_code(Code.PERMISSION_DENIED, "err:unkey:authorization:insufficient_permissions"):
        await reader.delete_key(DeleteKeyRequest(key_id=created.key_id))
