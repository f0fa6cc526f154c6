"""However wrong a request is, its answer is small, cheap to make, and says what to do."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.support.asgi import Answer
from tests.support.surface import Surface
from unkey_api.core.errors import AppError, ErrorCode

PERMISSIONS = "/v2/keys.setPermissions"
UPDATE = "/v2/keys.updateKey"
VERIFY = "/v2/keys.verifyKey"
MIGRATE = "/v2/keys.migrateKeys"
RPC = {
    UPDATE: "/unkey.keys.v2.KeysService/UpdateKey",
    VERIFY: "/unkey.keys.v2.KeysService/VerifyKey",
    PERMISSIONS: "/unkey.keys.v2.KeysService/SetPermissions",
    MIGRATE: "/unkey.keys.v2.KeysService/MigrateKeys",
}
ADD_RPC = "/unkey.keys.v2.KeysService/AddPermissions"
SMALL = 8_000
WORK_SECONDS = 5.0  # what checking a large wrong body may cost; unbounded it would be many times that
LONG = "é" * 8_000


class Missing(AppError):
    code = ErrorCode.DATA_KEY_NOT_FOUND


@pytest.fixture
def surface() -> Surface:
    return Surface(max_body=10_000_000)


def listed(answer: Answer) -> list[dict[str, str]]:
    told: list[dict[str, str]] = answer.json["error"]["errors"]
    return told


WRONG: list[tuple[str, dict[str, Any]]] = [
    (PERMISSIONS, {"keyId": "abc_def", "permissions": ["é"] * 900}),
    (PERMISSIONS, {"keyId": "abc_def", "permissions": ["é"] * 200_000}),
    (PERMISSIONS, {"keyId": LONG, "permissions": [LONG]}),
    (PERMISSIONS, {"keyId": "abc_def", "permissions": [5] * 5_000}),
    (VERIFY, {"key": "a", "tags": ["x" * 600] * 20}),
    (VERIFY, {"key": "a", "permissions": "x" * 900_000}),
    (VERIFY, {f"unknown{number}": number for number in range(5_000)}),
    (VERIFY, {"u" * 900_000: 1}),
    (VERIFY, {"key": "a", "ratelimits": [{}] * 5_000}),
    (MIGRATE, {"migrationId": "m", "apiId": "api_1", "keys": [{}] * 9_000}),
    (MIGRATE, {"migrationId": "m", "apiId": "api_1", "keys": [{"hash": ""}] * 9_000}),
    (MIGRATE, {"migrationId": "m", "apiId": "api_1", "keys": [{}] * 1_000_000}),
    (UPDATE, {"keyId": "key_1", "meta": {f"m{number}": 1 for number in range(9_000)}}),
]
IDS = [f"{path.rpartition('.')[2]}-{number}" for number, (path, _) in enumerate(WRONG)]


@pytest.mark.parametrize(("path", "body"), WRONG, ids=IDS)
@pytest.mark.parametrize("rpc", [False, True], ids=["http", "rpc"])
async def test_whatever_is_wrong_the_answer_is_small(
    surface: Surface, path: str, body: dict[str, Any], *, rpc: bool
) -> None:
    client = surface.build()
    started = time.process_time()
    answer = await client.post(RPC[path] if rpc else path, body)
    assert time.process_time() - started < WORK_SECONDS
    assert answer.status in {400, 413, 429} or rpc  # unknown members are ignored there
    assert len(answer.body) < SMALL


async def test_some_are_listed_and_the_others_counted(surface: Surface) -> None:
    answer = await surface.build().post(PERMISSIONS, {"keyId": "abc_def", "permissions": ["é"] * 57})
    assert len(listed(answer)) == 10
    assert answer.json["error"]["detail"].endswith("(the first 10 of 57 errors are listed)")
    answer = await surface.build().post(PERMISSIONS, {"keyId": "abc_def", "permissions": ["é"] * 9})
    assert len(listed(answer)) == 9
    assert "listed" not in answer.json["error"]["detail"]


async def test_a_list_that_is_too_long_is_named_and_not_looked_into(surface: Surface) -> None:
    answer = await surface.build().post("/v2/keys.addPermissions", {"keyId": "abc_def", "permissions": ["é"] * 5_000})
    assert listed(answer) == [
        {"location": "/properties/permissions/maxItems", "message": "maxItems: got 5000, want 1000"}
    ]
    answer = await surface.build().post(
        "/unkey.keys.v2.KeysService/AddPermissions", {"keyId": "abc_def", "permissions": ["é"] * 5_000}
    )
    assert "maxItems" in answer.json["details"][0]["debug"]["violations"][0]["location"]


async def test_refused_values_are_quoted_in_part(surface: Surface) -> None:
    answer = await surface.build().post(PERMISSIONS, {"keyId": "abc_def", "permissions": ["é" * 400]})
    (pattern,) = [v for v in listed(answer) if v["location"].endswith("/pattern")]
    assert pattern["message"].startswith("'é")
    assert len(pattern["message"]) < 200


@pytest.mark.parametrize("path", [VERIFY, RPC[VERIFY]])
async def test_sentences_of_handlers_are_cut(surface: Surface, path: str) -> None:
    surface.keys.answer = Missing(f"There is no {LONG}.")
    answer = await surface.build().post(path, {"key": "a"})
    assert answer.status == 404
    assert len(answer.body) < SMALL
