"""Every published operation answers what it documents for success, and lists page as documented."""

from __future__ import annotations

import pytest

from tests.rpc.published.document import operations, statuses, violations
from tests.rpc.published.requests import REQUESTS
from tests.rpc.published.world import World, shown
from tests.support.asgi import Answer
from tools.operations import published_operations

pytestmark = pytest.mark.integration
LISTS = [name for name in REQUESTS if ".list" in name]


def test_every_published_operation_is_called() -> None:
    not_built = {each.http_path.removeprefix("/v2/") for each in published_operations() if not each.built}
    assert REQUESTS.keys() | {"liveness"} == operations().keys() - not_built


@pytest.mark.parametrize("name", REQUESTS)
async def test_answer_is_what_is_documented(world: World, name: str) -> None:
    body = await REQUESTS[name](world)
    answer = await world.post(name, body)
    assert answer.status == 200, (shown(body), answer.body)
    assert violations(name, answer) == []


@pytest.mark.parametrize("name", LISTS)
async def test_last_page_is_what_is_documented(world: World, name: str) -> None:
    first = await world.post(name, body := await REQUESTS[name](world))
    assert first.json["pagination"]["hasMore"]
    assert isinstance(body, dict)
    pagination = first.json["pagination"]
    while pagination["hasMore"]:
        answer = await world.post(name, {**body, "limit": 100, "cursor": pagination["cursor"]})
        assert violations(name, answer) == []
        pagination = answer.json["pagination"]
    assert "cursor" not in pagination


async def test_liveness_answers_without_a_credential(world: World) -> None:
    answer = await world.get("/v2/liveness")
    assert answer.status == 200
    assert violations("liveness", answer) == []


async def test_verdicts_besides_valid_are_what_is_documented(world: World) -> None:
    """The optional parts come and go with the verdict."""
    bare = await world.made("keys.createKey", {"apiId": await world.new_api()})
    off = await world.new_key(enabled=False)
    spent = await world.new_key(credits={"remaining": 0})
    verdicts = {}
    for secret in (bare["key"], off["key"], spent["key"], "unknown"):
        answer = await world.post("keys.verifyKey", {"key": secret})
        assert violations("keys.verifyKey", answer) == []
        verdicts[answer.json["data"]["code"]] = answer.json["data"]["valid"]
    assert verdicts == {"VALID": True, "DISABLED": False, "USAGE_EXCEEDED": False, "NOT_FOUND": False}


async def test_unlimited_credits_are_null_as_documented(world: World) -> None:
    key_id = (await world.new_key())["keyId"]
    answer = await world.post("keys.updateCredits", {"keyId": key_id, "operation": "set", "value": None})
    assert answer.json["data"]["remaining"] is None
    assert violations("keys.updateCredits", answer) == []


def test_judge_finds_what_is_wrong() -> None:
    """The judge itself: an empty answer, a missing field and an undocumented status are found."""
    json_type = {"content-type": "application/json"}
    assert violations("apis.getApi", Answer(200, json_type, b"{}"))
    assert violations("apis.getApi", Answer(200, json_type, b'{"meta":{"requestId":"r"},"data":{"id":"api_1"}}'))
    assert violations("apis.getApi", Answer(418, json_type, b"{}"))
    assert violations("apis.getApi", Answer(200, {"content-type": "text/plain"}, b"{}"))
    assert statuses("apis.getApi") >= {200, 404}
