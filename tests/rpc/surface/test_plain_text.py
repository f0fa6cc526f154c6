"""Names and ids hold no control characters, on either surface; free texts may."""

from __future__ import annotations

from typing import Any

import pytest
from connectrpc.code import Code
from unkey_proto.unkey.identities.v2 import identities_pb
from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyRequest
from unkey_proto.unkey.ratelimit.v2.config_pb import RatelimitConfig

from tests.support.harness import Caller, Harness, raises_code

pytestmark = pytest.mark.integration
NUL, BELL, ESCAPE, CSI = "\x00", "\x07", "\x1b", "\x9b"
LIMIT = {"limit": 1, "duration": 60_000, "autoApply": True}


@pytest.fixture
async def admin(api: Harness) -> Caller:
    return await api.admin()


@pytest.mark.parametrize("mark", [NUL, BELL, ESCAPE, CSI, "\x7f"])
@pytest.mark.parametrize(
    ("operation", "body", "location"),
    [
        ("apis.createApi", {"name": "pay{}ments"}, "/properties/name"),
        ("apis.listKeys", {"apiId": "api_1234{}5678"}, "/properties/apiId"),
        (
            "identities.createIdentity",
            {"externalId": "plain", "ratelimits": [{"name": "re{}quests", **LIMIT}]},
            "/properties/ratelimits/items/properties/name",
        ),
        ("keys.addRoles", {"keyId": "key_12345678", "roles": ["ad{}min"]}, "/properties/roles/items"),
        ("keys.updateCredits", {"keyId": "key_123{}", "operation": "set", "value": 1}, "/properties/keyId"),
        (
            "keys.migrateKeys",
            {"migrationId": "m1", "apiId": "api_12345678", "keys": [{"hash": "h-1", "externalId": "ab{}"}]},
            "/properties/keys/items/properties/externalId",
        ),
    ],
)
async def test_control_characters_are_refused_and_named(
    api: Harness, admin: Caller, operation: str, body: dict[str, Any], location: str, mark: str
) -> None:
    answer = await api.post(f"/v2/{operation}", _with(body, mark), admin)
    assert answer.status == 400, answer.body
    (violation,) = answer.json["error"]["errors"]
    assert violation["location"] == f"{location}/pattern"
    assert f"U+{ord(mark):04X}" in violation["message"]


async def test_they_are_refused_over_connect(api: Harness, admin: Caller) -> None:
    request = identities_pb.CreateIdentityRequest(external_id="plain", ratelimits=[RatelimitConfig(name="bo\x00b")])
    with raises_code(Code.INVALID_ARGUMENT):
        await api.identities(admin).create_identity(request)


@pytest.mark.parametrize("text", ["two\nlines", "a\ttab", "zero\u200dwidth", "\U0001f511"])
async def test_line_breaks_and_everything_else_are_taken(api: Harness, admin: Caller, text: str) -> None:
    assert (await api.post("/v2/apis.createApi", {"name": f"an api {text}"}, admin)).status == 200


async def test_identities_are_looked_for_by_any_text(api: Harness, admin: Caller) -> None:
    """And found by exactly theirs, though the database ignores such characters in ids."""
    made = await api.post("/v2/identities.createIdentity", {"externalId": "plain"}, admin)
    identity = made.json["data"]["identityId"]
    for which in (f"{identity}\x00", "pl\x01ain"):
        assert (await api.post("/v2/identities.getIdentity", {"identity": which}, admin)).status == 404
    assert (await api.post("/v2/identities.getIdentity", {"identity": identity}, admin)).status == 200


async def test_free_texts_hold_anything(api: Harness, admin: Caller) -> None:
    described = {"name": "A permission", "slug": "documents.read", "description": "bell\x07"}
    assert (await api.post("/v2/permissions.createPermission", described, admin)).status == 200
    limited = {"namespace": "back\x08space", "identifier": "user\x00one", "limit": 1, "duration": 60_000}
    assert (await api.post("/v2/ratelimit.limit", limited, admin)).json["data"]["success"] is True
    assert (await api.post("/v2/keys.verifyKey", {"key": "a\x00b", "tags": ["\x1b"]}, admin)).json["data"]["code"] == (
        "NOT_FOUND"
    )
    answer = await api.keys(admin).verify_key(VerifyKeyRequest(key="a\x00b"))
    assert not answer.valid


def _with(value: Any, mark: str) -> Any:
    """Put the character where the braces are."""
    if isinstance(value, str):
        return value.replace("{}", mark)
    if isinstance(value, list):
        return [_with(each, mark) for each in value]
    return {key: _with(member, mark) for key, member in value.items()} if isinstance(value, dict) else value
