"""The HTTP/JSON surface: envelope, validation bodies, and every way a request can be wrong before its handler runs."""

from __future__ import annotations

import json
import re

import pytest
from protobuf.wkt.google.protobuf.struct_pb import Struct
from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyResponse

from tests.support.asgi import Answer
from tests.support.surface import MAX_BODY, Surface
from unkey_api.core.errors import AppError, ErrorCode

VERIFY = "/v2/keys.verifyKey"
UPDATE = "/v2/keys.updateKey"
MULTI = "/v2/ratelimit.multiLimit"
INVALID_INPUT = "https://unkey.com/docs/errors/unkey/application/invalid_input"
SCHEMA_DETAIL = f"POST request body for '{VERIFY}' failed to validate schema"


@pytest.fixture
def surface() -> Surface:
    return Surface()


def locations(answer: Answer) -> dict[str, str]:
    return {item["location"]: item["message"] for item in answer.json["error"]["errors"]}


def assert_refused(answer: Answer, detail: str) -> None:
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json"
    error = answer.json["error"]
    assert (error["title"], error["status"], error["type"]) == ("Bad Request", 400, INVALID_INPUT)
    assert error["detail"] == detail
    assert answer.json["meta"]["requestId"].startswith("req_")


class TestSuccess:
    async def test_numbers_beyond_the_exact_ones_stay_what_they_are(self, surface: Surface) -> None:
        """A stored number must never make an answer impossible: writers of JSON refuse integers beyond 64 bits."""
        numbers = {"exact": 9007199254740992, "large": 1e29, "least": -1e308, "half": 0.5}
        surface.keys.answer = VerifyKeyResponse(code="VALID", meta=Struct.from_json(json.dumps(numbers)))
        answer = await surface.build().post(VERIFY, {"key": "a"})
        assert answer.json["data"]["meta"] == numbers
        assert b'"exact":9007199254740992,' in answer.body

    async def test_answer_has_meta_and_data_with_numbers_as_numbers(self, surface: Surface) -> None:
        surface.keys.answer.credits = 2**53  # type: ignore[union-attr]  # the default answer is a message
        answer = await surface.build().post(VERIFY, {"key": "abc"})
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        assert re.fullmatch(r"req_[a-zA-Z0-9]{9}", answer.json["meta"]["requestId"])
        assert answer.json["data"] == {"valid": True, "code": "VALID", "credits": 2**53}

    async def test_every_request_gets_a_fresh_id_whatever_the_caller_sends(self, surface: Surface) -> None:
        client = surface.build()
        headers = {"content-type": "application/json", "authorization": "Bearer x", "x-request-id": "mine"}
        ids = {(await client.post(VERIFY, {"key": "a"}, headers=headers)).json["meta"]["requestId"] for _ in range(50)}
        assert len(ids) == 50
        assert "mine" not in ids

    @pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
    async def test_content_type_parameters_and_case_do_not_matter(self, surface: Surface, content_type: str) -> None:
        headers = {"content-type": content_type, "authorization": "Bearer x"}
        assert (await surface.build().post(VERIFY, {"key": "a"}, headers=headers)).status == 200

    async def test_empty_answer_sends_an_empty_object(self, surface: Surface) -> None:
        assert (await surface.build().post(UPDATE, {"keyId": "key_1"})).json["data"] == {}

    async def test_headers_of_the_throttle_are_on_the_answer(self, surface: Surface) -> None:
        surface.platform.throttle_headers = [(b"ratelimit-limit", b"5")]
        assert (await surface.build().post(VERIFY, {"key": "a"})).headers["ratelimit-limit"] == "5"


class TestCredential:
    @pytest.mark.parametrize("authorization", [None, ""])
    async def test_missing_authorization_is_400_and_found_before_the_body(
        self, surface: Surface, authorization: str | None
    ) -> None:
        headers = {"content-type": "application/json"}
        if authorization is not None:
            headers["authorization"] = authorization
        answer = await surface.build().post(VERIFY, b"{", headers=headers)
        assert_refused(answer, "Authorization header for 'bearer' scheme")
        assert answer.json["error"]["errors"] == [
            {
                "location": "security",
                "message": "Authorization header was not found",
                "fix": "Add an 'Authorization' header to this request",
            }
        ]

    async def test_bad_body_is_reported_before_a_bad_credential(self, surface: Surface) -> None:
        surface.platform.principal = AppError("unknown key")
        assert_refused(await surface.build().post(VERIFY, {}), SCHEMA_DETAIL)
        assert surface.platform.seen == []

    async def test_failed_authentication_keeps_handler_and_throttle_out(self, surface: Surface) -> None:
        class Unknown(AppError):
            code = ErrorCode.AUTHENTICATION_KEY_NOT_FOUND

        surface.platform.principal = Unknown("no such key")
        surface.platform.throttle_headers = [(b"ratelimit-limit", b"5")]
        answer = await surface.build().post(VERIFY, {"key": "a"})
        assert answer.status == 401
        assert answer.json["error"] == {
            "title": "Unauthorized",
            "detail": "no such key",
            "status": 401,
            "type": "https://unkey.com/docs/errors/unkey/authentication/key_not_found",
        }
        assert "ratelimit-limit" not in answer.headers
        assert surface.keys.requests == []


class TestBody:
    async def test_empty_body(self, surface: Surface) -> None:
        answer = await surface.build().post(VERIFY, b"")
        assert_refused(answer, f"POST request body is empty for '{VERIFY}'")
        assert answer.json["error"]["errors"][0]["location"] == "requestBody"
        assert answer.json["error"]["errors"][0]["fix"]

    @pytest.mark.parametrize("body", [b"{", b'{"key": }', b"nonsense", b'{"key":"\xff"}', b'{"key":"a"} x'])
    async def test_text_that_is_not_json(self, surface: Surface, body: bytes) -> None:
        answer = await surface.build().post(VERIFY, body)
        assert_refused(answer, SCHEMA_DETAIL)
        assert answer.json["error"]["errors"][0]["message"].startswith("The request body cannot be decoded: ")

    @pytest.mark.parametrize("content_type", ["text/plain", "application", ""])
    async def test_other_content_type(self, surface: Surface, content_type: str) -> None:
        headers = {"content-type": content_type, "authorization": "Bearer x"}
        answer = await surface.build().post(VERIFY, {"key": "a"}, headers=headers)
        assert_refused(answer, f"POST operation request content type '{content_type}' does not exist")

    async def test_body_of_exactly_the_limit_passes_and_one_byte_more_is_413(self, surface: Surface) -> None:
        client = surface.build()
        frame = len(b'{"key":"a"}')
        exact = b'{"key":"a"}' + b" " * (MAX_BODY - frame)
        assert (await client.post(VERIFY, exact)).status == 200
        answer = await client.post(VERIFY, exact + b" ")
        assert answer.status == 413
        assert answer.headers["connection"] == "close"
        error = answer.json["error"]
        assert error["detail"] == f"The request body exceeds the maximum allowed size of {MAX_BODY} bytes."
        assert error["type"].endswith("/user/bad_request/request_body_too_large")
        assert error["errors"] == []

    async def test_chunked_bodies_are_limited_the_same_way(self, surface: Surface) -> None:
        client = surface.build()
        assert (await client.post(VERIFY, [b'{"key":', b'"a"', b"}"])).status == 200
        assert (await client.post(VERIFY, [b" " * 1500, b" " * 501])).status == 413


class TestSchema:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({}, {"/required": "missing property 'key'"}),
            ([], {"/type": "got array, want object"}),
            (5, {"/type": "got integer, want object"}),
            ({"key": ""}, {"/properties/key/minLength": "minLength: got 0, want 1"}),
            ({"key": "a" * 513}, {"/properties/key/maxLength": "maxLength: got 513, want 512"}),
            ({"key": 5}, {"/properties/key/type": "got integer, want string"}),
            ({"key": True}, {"/properties/key/type": "got boolean, want string"}),
            ({"key": None}, {"/properties/key/type": "got null, want string"}),
            ({"key": "a", "b": 1, "c": 2}, {"/additionalProperties": "additional properties 'b', 'c' not allowed"}),
            ({"key": "a", "credits": {}}, {"/properties/credits/required": "missing property 'cost'"}),
            (
                {"key": "a", "credits": {"cost": -1}},
                {"/properties/credits/properties/cost/minimum": "minimum: got -1, want 0"},
            ),
            (
                {"key": "a", "credits": {"cost": "1"}},
                {"/properties/credits/properties/cost/type": "got string, want integer"},
            ),
            (
                {"key": "a", "credits": {"cost": 1.0}},
                {"/properties/credits/properties/cost/type": "got number, want integer"},
            ),
            ({"key": "a", "tags": ["x"] * 21}, {"/properties/tags/maxItems": "maxItems: got 21, want 20"}),
            ({"key": "a", "tags": ["x", ""]}, {"/properties/tags/items/minLength": "minLength: got 0, want 1"}),
            (
                {"key": "a", "ratelimits": [{"name": "ok!", "cost": -2}]},
                {"/properties/ratelimits/items/properties/cost/minimum": "minimum: got -2, want 0"},
            ),
        ],
    )
    async def test_each_broken_rule_is_named(self, surface: Surface, body: object, expected: dict[str, str]) -> None:
        answer = await surface.build().post(VERIFY, body)
        assert_refused(answer, SCHEMA_DETAIL)
        assert locations(answer) == expected
        assert surface.keys.requests == []

    async def test_all_deviations_are_reported_at_once_in_stable_order(self, surface: Surface) -> None:
        body = {"key": 5, "unknown": 1, "credits": {"cost": -1}, "permissions": ""}
        answer = await surface.build().post(VERIFY, body)
        assert [e["location"] for e in answer.json["error"]["errors"]] == [
            "/additionalProperties",
            "/properties/credits/properties/cost/minimum",
            "/properties/key/type",
            "/properties/permissions/minLength",
        ]

    async def test_snake_case_names_are_not_the_published_ones(self, surface: Surface) -> None:
        answer = await surface.build().post(VERIFY, {"key": "a", "migration_id": "m"})
        assert locations(answer) == {"/additionalProperties": "additional properties 'migration_id' not allowed"}

    async def test_null_on_a_nullable_field_is_told_apart_from_absence(self, surface: Surface) -> None:
        client = surface.build()
        body = {"keyId": "key_1", "name": None, "credits": {"remaining": None}}
        assert (await client.post(UPDATE, body)).status == 200
        assert sorted(surface.keys.requests[0].null_fields.paths) == ["credits.remaining", "name"]
        assert (await client.post(UPDATE, {"keyId": "key_1"})).status == 200
        assert surface.keys.requests[1].null_fields is None

    async def test_empty_list_that_clears_is_told_apart_from_absence(self, surface: Surface) -> None:
        client = surface.build()
        assert (await client.post(UPDATE, {"keyId": "key_1", "roles": []})).status == 200
        assert surface.keys.requests[0].null_fields.paths == ["roles"]

    async def test_nullable_required_member_may_be_null_but_not_absent(self, surface: Surface) -> None:
        client = surface.build()
        create = "/v2/keys.createKey"
        answer = await client.post(create, {"apiId": "api_1", "credits": {}})
        assert locations(answer) == {"/properties/credits/required": "missing property 'remaining'"}
        assert (await client.post(create, {"apiId": "api_1", "credits": {"remaining": None}})).status == 501

    @pytest.mark.parametrize(("value", "keyword"), [(2**40, "maximum"), (-(2**40), "minimum")])
    async def test_integers_beyond_the_field_are_named(self, surface: Surface, value: int, keyword: str) -> None:
        answer = await surface.build().post("/v2/keys.createKey", {"apiId": "api_1", "byteLength": value})
        assert list(locations(answer)) == [f"/properties/byteLength/{keyword}"]

    async def test_callers_cannot_name_fields_of_the_protobuf_surface(self, surface: Surface) -> None:
        answer = await surface.build().post(UPDATE, {"keyId": "key_1", "nullFields": "name"})
        assert locations(answer) == {"/additionalProperties": "additional properties 'nullFields' not allowed"}


class TestArrayBody:
    ITEM = {"namespace": "n", "identifier": "i", "limit": 1, "duration": 1000}  # noqa: RUF012 - a constant of the test

    async def test_array_is_the_body(self, surface: Surface) -> None:
        assert (await surface.build().post(MULTI, [self.ITEM])).status == 200

    async def test_object_is_refused(self, surface: Surface) -> None:
        answer = await surface.build().post(MULTI, {"limits": [self.ITEM]})
        assert locations(answer) == {"/type": "got object, want array"}

    async def test_empty_array_is_refused_at_the_root(self, surface: Surface) -> None:
        assert locations(await surface.build().post(MULTI, b"[]")) == {"/minItems": "minItems: got 0, want 1"}

    async def test_items_are_located_below_the_root(self, surface: Surface) -> None:
        answer = await surface.build().post(MULTI, [{**self.ITEM, "limit": 0}])
        assert locations(answer) == {"/items/properties/limit/minimum": "minimum: got 0, want 1"}


class TestPathsAndMethods:
    async def test_unknown_path_is_plain_404(self, surface: Surface) -> None:
        answer = await surface.build().post("/v2/keys.nope", {})
        assert (answer.status, answer.body) == (404, b"404 page not found\n")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"

    async def test_wrong_method_is_plain_405_with_allow(self, surface: Surface) -> None:
        for method in ("GET", "OPTIONS", "HEAD"):
            answer = await surface.build().request(method, VERIFY)
            assert (answer.status, answer.headers["allow"]) == (405, "POST")
            assert "access-control-allow-origin" not in answer.headers

    async def test_get_routes_allow_head(self, surface: Surface) -> None:
        client = surface.build()
        assert (await client.post("/openapi.yaml", b"")).headers["allow"] == "GET, HEAD"
        assert (await client.request("HEAD", "/openapi.yaml")).status == 200

    @pytest.mark.parametrize(
        "path",
        [
            "/v2%2Fkeys.verifyKey",
            "/v2/keys%2EverifyKey",
            "/v2/keys%2everifyKey",
            "/%76%32/keys.verifyKey",
            "//v2/keys.verifyKey",
            "/v2//keys.verifyKey",
            "/v2/./keys.verifyKey",
            "/v2/x/../keys.verifyKey",
            "/v2/keys.verifyKey/",
            "/v2/keys.verifyKey/.",
            "/v2/keys.verifyKey%00",
            "\\v2\\keys.verifyKey",
            "/%5Cevil.example//",
            "/unkey.keys.v2.KeysService%2FVerifyKey",
            "/unkey.keys.v2.KeysService/Verify%4bey",
            "/unkey%2ekeys.v2.KeysService/VerifyKey",
            "//unkey.keys.v2.KeysService/VerifyKey",
            "/openapi%2Eyaml",
            "/health%2Flive",
            "//health/live",
        ],
    )
    async def test_another_spelling_of_a_route_is_a_404(self, surface: Surface, path: str) -> None:
        client = surface.build()
        for method in ("POST", "GET"):
            answer = await client.request(method, path, {"key": "a"})
            assert answer.status == 404
            assert "location" not in answer.headers


class Missing(AppError):
    code = ErrorCode.DATA_KEY_NOT_FOUND


class TestProblemJson:
    @pytest.mark.parametrize(
        ("accept", "expected"),
        [
            ("application/problem+json", "application/problem+json"),
            ("text/html, application/*;q=0.8", "application/problem+json"),
            ("*/*", "application/problem+json"),
            ("application/json", "application/json"),
            (None, "application/json"),
        ],
    )
    async def test_accept_decides_the_media_type_of_errors(
        self, surface: Surface, accept: str | None, expected: str
    ) -> None:
        surface.keys.answer = Missing("gone")
        headers = {"content-type": "application/json", "authorization": "Bearer x"} | (
            {"accept": accept} if accept else {}
        )
        answer = await surface.build().post(VERIFY, {"key": "a"}, headers=headers)
        assert (answer.status, answer.headers["content-type"]) == (404, expected)
        assert "errors" not in answer.json["error"]

    async def test_validation_errors_are_plain_json_whatever_is_accepted(self, surface: Surface) -> None:
        headers = {"content-type": "application/json", "authorization": "Bearer x", "accept": "*/*"}
        assert_refused(await surface.build().post(VERIFY, {}, headers=headers), SCHEMA_DETAIL)


class TestNotBuiltYet:
    async def test_operation_without_handler_is_501_in_the_usual_body(self, surface: Surface) -> None:
        answer = await surface.build().post("/v2/keys.getKey", {"keyId": "key_1"})
        assert answer.status == 501
        assert answer.json["error"]["type"].endswith("/unkey/application/not_implemented")
