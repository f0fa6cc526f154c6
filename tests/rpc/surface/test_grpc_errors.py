"""A refusal over gRPC fits into what clients read of trailers: 8 KiB of metadata, whatever the caller sent."""

from __future__ import annotations

import base64
import struct
from urllib.parse import unquote

import pytest
from protobuf import Message
from unkey_proto.unkey.common.v1.error_detail_pb import ErrorDetail
from unkey_proto.unkey.keys.v2.grants_pb import SetPermissionsRequest
from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyRequest

from tests.support.asgi import Answer
from tests.support.surface import Surface
from unkey_api.core.errors import AppError, ErrorCode, Violation
from unkey_api.rpc.errors import RPC_MESSAGE_BYTES, RPC_VIOLATIONS, Fault, cut

KEYS = "/unkey.keys.v2.KeysService/"
HEADERS = {"content-type": "application/grpc+proto", "te": "trailers", "authorization": "Bearer x"}
METADATA_BYTES = 5_000  # of 8,192; a proxy wants to add its own
INVALID_ARGUMENT = "3"


async def call(surface: Surface, method: str, request: Message, **headers: str) -> Answer:
    message = request.to_binary()
    framed = struct.pack(">BI", 0, len(message)) + message
    return await surface.build().post(KEYS + method, framed, headers=HEADERS | headers)


def metadata_size(answer: Answer) -> int:
    """As HTTP/2 counts it: 32 bytes for every field besides its text."""
    return sum(len(name) + len(value) + 32 for name, value in answer.trailers.items())


def detail_of(answer: Answer) -> ErrorDetail:
    packed = answer.trailers["grpc-status-details-bin"]
    status = base64.b64decode(packed + "=" * (-len(packed) % 4))
    found = status.index(b"type.googleapis.com/unkey.common.v1.ErrorDetail")
    body = status[found + len(b"type.googleapis.com/unkey.common.v1.ErrorDetail") :]
    return ErrorDetail.from_binary(_length_delimited(body))


def _length_delimited(field: bytes) -> bytes:
    """Return the contents of an `Any`'s second field."""
    assert field[0] == 0x12
    length, shift, at = 0, 0, 1
    while True:
        length |= (field[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not field[at - 1] & 0x80:
            return field[at : at + length]


class Refused(AppError):
    code = ErrorCode.APPLICATION_INVALID_INPUT


@pytest.fixture
def surface() -> Surface:
    return Surface()


class TestManyMistakes:
    async def test_the_first_few_are_listed_and_the_others_counted(self, surface: Surface) -> None:
        request = SetPermissionsRequest(key_id="abc_def", permissions=["é"] * 400)
        answer = await call(surface, "SetPermissions", request)
        assert answer.trailers["grpc-status"] == INVALID_ARGUMENT
        assert metadata_size(answer) < METADATA_BYTES
        detail = detail_of(answer)
        assert len(detail.violations) == RPC_VIOLATIONS
        assert detail.omitted_violations > 0

    async def test_few_are_listed_completely(self, surface: Surface) -> None:
        answer = await call(surface, "VerifyKey", VerifyKeyRequest(key="a", tags=["", ""]))
        detail = detail_of(answer)
        assert len(detail.violations) == 2
        assert detail.omitted_violations == 0


class TestLongTexts:
    @pytest.mark.parametrize("letter", ["é", "a", "\x7f", "😀", "%"])
    async def test_a_refused_value_is_not_sent_back(self, surface: Surface, letter: str) -> None:
        surface.keys.answer = Refused(
            letter * 50_000, violations=(Violation("/" + letter * 50_000, letter * 50_000, letter * 50_000),) * 50
        )
        answer = await call(surface, "VerifyKey", VerifyKeyRequest(key="a"))
        assert answer.trailers["grpc-status"] == INVALID_ARGUMENT
        assert metadata_size(answer) < METADATA_BYTES
        assert detail_of(answer).omitted_violations == 45

    async def test_a_value_that_breaks_a_pattern_keeps_the_status(self, surface: Surface) -> None:
        answer = await call(surface, "SetPermissions", SetPermissionsRequest(key_id="é" * 900))
        assert answer.trailers["grpc-status"] == INVALID_ARGUMENT
        assert metadata_size(answer) < METADATA_BYTES

    async def test_what_the_runtime_quotes_is_cut(self, surface: Surface) -> None:
        answer = await call(surface, "VerifyKey", VerifyKeyRequest(key="a"), **{"grpc-timeout": "é" * 9_000 + "S"})
        assert answer.headers["grpc-status"] == INVALID_ARGUMENT
        message = answer.headers["grpc-message"]
        assert len(message) < METADATA_BYTES
        assert unquote(message, errors="strict").startswith("protocol error: invalid timeout")

    async def test_an_unknown_procedure_repeats_neither_path_nor_content_type(self, surface: Surface) -> None:
        headers = HEADERS | {"content-type": "application/grpc+" + "x" * 5_000}
        answer = await surface.build().post(KEYS + "N" * 5_000, b"", headers=headers)
        assert (answer.headers["content-type"], answer.trailers["grpc-status"]) == ("application/grpc", "12")
        plain = await surface.build().post(KEYS + "N" * 5_000, {})
        assert len(plain.body) < 500

    async def test_the_sentence_is_whole_on_http_json(self, surface: Surface) -> None:
        fault = Fault(ErrorCode.APPLICATION_INVALID_INPUT, "a" * 1_000, request_id="req_1")
        assert len(fault.message.encode()) <= RPC_MESSAGE_BYTES
        assert fault.public == "a" * 1_000


@pytest.mark.parametrize("text", ["", "a", "a" * 10, "é" * 5])
def test_what_fits_is_not_cut(text: str) -> None:
    assert cut(text, 10) == text


@pytest.mark.parametrize("text", ["a" * 11, "é" * 6, "😀" * 3, "\ud800" * 20])
def test_what_is_cut_fits_and_says_so(text: str) -> None:
    assert cut(text, 10).endswith("…")
    assert len(cut(text, 10).encode()) <= 10
