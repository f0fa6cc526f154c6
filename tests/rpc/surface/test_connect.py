"""The Connect surface: the same facts in the form of its protocol."""

from __future__ import annotations

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from unkey_proto.unkey.common.v1.error_detail_pb import ErrorDetail

from tests.support.surface import Surface
from unkey_api.core.errors import ErrorCode
from unkey_api.rpc.errors import ERRORS, Fault

RPC = "/unkey.keys.v2.KeysService/VerifyKey"


@pytest.fixture
def surface() -> Surface:
    return Surface()


class TestSuccess:
    async def test_answer_is_protojson_and_carries_the_request_id_in_a_header(self, surface: Surface) -> None:
        surface.keys.answer.credits = 7  # type: ignore[union-attr]  # the default answer is a message
        answer = await surface.build().post(RPC, {"key": "a"})
        assert answer.status == 200
        assert answer.json == {"valid": True, "code": "VALID", "credits": "7"}
        assert answer.headers["unkey-request-id"] == surface.observer.completed[0].request_id

    async def test_headers_of_the_throttle_are_on_the_answer(self, surface: Surface) -> None:
        surface.platform.throttle_headers = [(b"ratelimit-limit", b"5")]
        assert (await surface.build().post(RPC, {"key": "a"})).headers["ratelimit-limit"] == "5"


class TestErrors:
    async def test_validation_error_lists_the_same_violations_as_http_json(self, surface: Surface) -> None:
        answer = await surface.build().post(RPC, {"key": "a", "credits": {"cost": "-1"}})
        assert (answer.status, answer.json["code"]) == (400, "invalid_argument")
        debug = answer.json["details"][0]["debug"]
        assert answer.json["details"][0]["type"] == "unkey.common.v1.ErrorDetail"
        assert debug["urn"] == "err:unkey:application:invalid_input"
        assert debug["violations"] == [
            {
                "location": "/properties/credits/properties/cost/minimum",
                "message": "minimum: got -1, want 0",
            }
        ]

    async def test_missing_required_field_is_named(self, surface: Surface) -> None:
        answer = await surface.build().post(RPC, {})
        assert answer.json["details"][0]["debug"]["violations"][0] == {
            "location": "/required",
            "message": "missing property 'key'",
        }

    async def test_missing_credential_is_unauthenticated_and_found_before_the_body(self, surface: Surface) -> None:
        answer = await surface.build().post(RPC, b"{", headers={"content-type": "application/json"})
        assert (answer.status, answer.json["code"]) == (401, "unauthenticated")

    async def test_unknown_procedure_is_unimplemented_in_every_protocol(self, surface: Surface) -> None:
        client = surface.build()
        answer = await client.post("/unkey.keys.v2.KeysService/Nope", {})
        assert (answer.status, answer.json["code"]) == (404, "unimplemented")
        headers = {"content-type": "application/grpc", "authorization": "Bearer x"}
        answer = await client.post("/unkey.keys.v2.KeysService/Nope", b"", headers=headers)
        assert (answer.status, answer.trailers["grpc-status"]) == (200, "12")
        headers["content-type"] = "application/grpc-web+proto"
        answer = await client.post("/unkey.keys.v2.KeysService/Nope", b"", headers=headers)
        assert (answer.headers["content-type"], answer.headers["grpc-status"]) == ("application/grpc-web+proto", "12")

    async def test_oversize_message_is_refused(self, surface: Surface) -> None:
        answer = await surface.build().post(RPC, {"key": "a" * 3000})
        assert answer.json["code"] == "resource_exhausted"
        assert surface.observer.completed[0].status == answer.status


class TestCatalogue:
    def test_every_error_code_has_an_entry(self) -> None:
        assert set(ERRORS) == set(ErrorCode)

    @pytest.mark.parametrize("code", list(ErrorCode))
    def test_fault_of_every_code_renders_for_rpc_with_its_identity(self, code: ErrorCode) -> None:
        fault = Fault(code, "text", request_id="req_1")
        detail = fault.details[0].value(ErrorDetail)
        assert isinstance(fault, ConnectError)
        assert isinstance(fault.code, Code)
        assert detail is not None
        assert (detail.urn, detail.request_id) == (code.value, "req_1")
        assert detail.type == "https://unkey.com/docs/errors/" + code.value.removeprefix("err:").replace(":", "/")
