"""Every operation of the areas around keys, called with generated clients in both codecs on the whole service."""

from __future__ import annotations

from typing import Any

import pytest
from connectrpc.code import Code
from protobuf.wkt.google.protobuf.field_mask_pb import FieldMask
from protobuf.wkt.google.protobuf.struct_pb import Struct
from unkey_proto.unkey.apis.v2 import apis_pb as apis
from unkey_proto.unkey.apis.v2.apis_connect import ApisServiceClient
from unkey_proto.unkey.identities.v2 import identities_pb as identities
from unkey_proto.unkey.identities.v2.identities_connect import IdentitiesServiceClient
from unkey_proto.unkey.keys.v2.issuing_pb import CreateKeyRequest
from unkey_proto.unkey.permissions.v2 import permissions_pb as permissions
from unkey_proto.unkey.permissions.v2.permissions_connect import PermissionsServiceClient
from unkey_proto.unkey.ratelimit.v2 import ratelimit_pb as limits
from unkey_proto.unkey.ratelimit.v2.config_pb import RatelimitConfig
from unkey_proto.unkey.ratelimit.v2.ratelimit_connect import RatelimitServiceClient

from tests.support.harness import Harness, raises_code

pytestmark = pytest.mark.integration


@pytest.fixture(params=["proto", "json"])
def codec(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"proto_json": request.param == "json"}


def a_limit(name: str, limit: int) -> RatelimitConfig:
    return RatelimitConfig(name=name, limit=limit, duration=60_000, auto_apply=True)


async def test_apis(api: Harness, codec: dict[str, Any]) -> None:
    caller = await api.admin()
    client = api.rpc(ApisServiceClient, caller, **codec)
    api_id = (await client.create_api(apis.CreateApiRequest(name="payments"))).api_id
    found = (await client.get_api(apis.GetApiRequest(api_id=api_id))).api
    assert found is not None
    assert (found.id, found.name) == (api_id, "payments")
    made = {(await api.keys(caller).create_key(CreateKeyRequest(api_id=api_id))).key_id for _ in range(3)}
    first = await client.list_keys(apis.ListKeysRequest(api_id=api_id, limit=2))
    assert first.pagination is not None
    assert first.pagination.has_more
    rest = await client.list_keys(apis.ListKeysRequest(api_id=api_id, cursor=first.pagination.cursor))
    assert {key.key_id for page in (first, rest) for key in page.keys} == made
    await client.delete_api(apis.DeleteApiRequest(api_id=api_id))
    for refused in (
        client.get_api(apis.GetApiRequest(api_id=api_id)),
        client.list_keys(apis.ListKeysRequest(api_id=api_id)),
        client.delete_api(apis.DeleteApiRequest(api_id=api_id)),
    ):
        with raises_code(Code.NOT_FOUND, "err:unkey:data:api_not_found"):
            await refused


async def test_ratelimit(api: Harness, codec: dict[str, Any]) -> None:
    client = api.rpc(RatelimitServiceClient, await api.admin(), **codec)
    request = limits.LimitRequest(namespace="logins", identifier="user", limit=2, duration=60_000)
    decision = await client.limit(request)
    assert (decision.success, decision.limit, decision.remaining, decision.override_id) == (True, 2, 1, "")
    both = await client.multi_limit(limits.MultiLimitRequest(limits=[request, request]))
    assert (both.passed, [item.passed for item in both.limits]) == (False, [True, False])
    wanted = limits.SetOverrideRequest(namespace="logins", identifier="us*", limit=0, duration=60_000)
    override_id = (await client.set_override(wanted)).override_id
    assert (await client.limit(request)).override_id == override_id
    named = {"namespace": "logins", "identifier": "us*"}
    shown = (await client.get_override(limits.GetOverrideRequest(**named))).override
    assert shown is not None
    assert (shown.override_id, shown.limit) == (override_id, 0)
    listed = await client.list_overrides(limits.ListOverridesRequest(namespace="logins"))
    assert [item.override_id for item in listed.overrides] == [override_id]
    await client.delete_override(limits.DeleteOverrideRequest(**named))
    with raises_code(Code.NOT_FOUND, "err:unkey:data:ratelimit_override_not_found"):
        await client.get_override(limits.GetOverrideRequest(**named))


async def test_identities(api: Harness, codec: dict[str, Any]) -> None:
    client = api.rpc(IdentitiesServiceClient, await api.admin(), **codec)
    request = identities.CreateIdentityRequest(
        external_id="user_1", meta=Struct.from_json('{"plan":"pro"}'), ratelimits=[a_limit("calls", 5)]
    )
    identity_id = (await client.create_identity(request)).identity_id
    with raises_code(Code.ALREADY_EXISTS, "err:unkey:data:identity_already_exists"):
        await client.create_identity(request)
    shown = (await client.get_identity(identities.GetIdentityRequest(identity="user_1"))).identity
    assert shown is not None
    assert (shown.id, [item.limit for item in shown.ratelimits]) == (identity_id, [5])
    await client.update_identity(identities.UpdateIdentityRequest(identity="user_1", ratelimits=[a_limit("calls", 9)]))
    untouched = await client.update_identity(identities.UpdateIdentityRequest(identity="user_1"))
    assert untouched.identity is not None
    assert [item.limit for item in untouched.identity.ratelimits] == [9]
    cleared = await client.update_identity(
        identities.UpdateIdentityRequest(identity="user_1", null_fields=FieldMask(paths=["ratelimits"]))
    )
    assert cleared.identity is not None
    assert list(cleared.identity.ratelimits) == []
    listed = await client.list_identities(identities.ListIdentitiesRequest(search="USER"))
    assert [item.id for item in listed.identities] == [identity_id]
    await client.delete_identity(identities.DeleteIdentityRequest(identity=identity_id))
    with raises_code(Code.NOT_FOUND, "err:unkey:data:identity_not_found"):
        await client.get_identity(identities.GetIdentityRequest(identity=identity_id))


async def test_permissions(api: Harness, codec: dict[str, Any]) -> None:
    client = api.rpc(PermissionsServiceClient, await api.admin(), **codec)
    created = await client.create_permission(
        permissions.CreatePermissionRequest(name="Read", slug="docs.read", description="d")
    )
    with raises_code(Code.ALREADY_EXISTS, "err:unkey:data:permission_already_exists"):
        await client.create_permission(permissions.CreatePermissionRequest(name="Read", slug="DOCS.READ"))
    changed = await client.update_permission(
        permissions.UpdatePermissionRequest(
            permission="docs.read", name="Reading", null_fields=FieldMask(paths=["description"])
        )
    )
    assert changed.permission is not None
    assert (changed.permission.name, changed.permission.description) == ("Reading", "")
    found = (await client.get_permission(permissions.GetPermissionRequest(permission="docs.read"))).permission
    assert found is not None
    assert (found.id, found.name) == (created.permission_id, "Reading")
    listed = await client.list_permissions(permissions.ListPermissionsRequest())
    assert [item.id for item in listed.permissions] == [created.permission_id]
    await client.delete_permission(permissions.DeletePermissionRequest(permission="docs.read"))
    with raises_code(Code.NOT_FOUND, "err:unkey:data:permission_not_found"):
        await client.get_permission(permissions.GetPermissionRequest(permission="docs.read"))


async def test_roles(api: Harness, codec: dict[str, Any]) -> None:
    client = api.rpc(PermissionsServiceClient, await api.admin(), **codec)
    request = permissions.CreateRoleRequest(name="Support", permissions=["b", "a", "A"])
    role_id = (await client.create_role(request)).role_id
    with raises_code(Code.ALREADY_EXISTS, "err:unkey:data:role_already_exists"):
        await client.create_role(request)
    role = (await client.get_role(permissions.GetRoleRequest(role="support"))).role
    assert role is not None
    assert (role.id, [item.slug for item in role.permissions]) == (role_id, ["a", "b"])
    wanted = permissions.SetRolePermissionsRequest(role="Support", permissions=["c"])
    assert [item.slug for item in (await client.set_role_permissions(wanted)).permissions] == ["c"]
    await client.update_role(permissions.UpdateRoleRequest(role=role_id, name="Helpers"))
    (listed,) = (await client.list_roles(permissions.ListRolesRequest())).roles
    assert (listed.name, [item.slug for item in listed.permissions]) == ("Helpers", ["c"])
    await client.delete_role(permissions.DeleteRoleRequest(role="Helpers"))
    with raises_code(Code.NOT_FOUND, "err:unkey:data:role_not_found"):
        await client.get_role(permissions.GetRoleRequest(role=role_id))
