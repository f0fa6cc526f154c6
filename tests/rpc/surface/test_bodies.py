"""Bodies are earned: who may send how much, before it is read, and what happens to what is too much."""

from __future__ import annotations

import asyncio
import gzip
import threading
import zlib
from dataclasses import dataclass, field
from typing import Any

import pytest
from unkey_proto.unkey.keys.v2.management_pb import UpdateKeyRequest

from tests.support.asgi import Answer, Client
from tests.support.surface import Surface
from tests.support.waiting import eventually
from unkey_api.core.errors import AppError, ErrorCode
from unkey_api.rpc.bodies.budget import BodyLimits

UPDATE = "/v2/keys.updateKey"
RPC = "/unkey.keys.v2.KeysService/UpdateKey"
BOTH = pytest.mark.parametrize("path", [UPDATE, RPC])
LIGHT = 8_000
MOST = 1_000_000
JSON = {"content-type": "application/json", "authorization": "Bearer test"}


class Unknown(AppError):
    code = ErrorCode.AUTHENTICATION_KEY_NOT_FOUND


@pytest.fixture
def surface() -> Surface:
    return Surface(max_body=MOST, bodies=BodyLimits(light_bytes=LIGHT, values=5_000, heavy_calls_per_workspace=1))


@dataclass
class Sender:
    """Sends a body piece by piece and remembers how much of it was taken."""

    client: Client
    taken: int = 0
    answer: Answer = field(default_factory=Answer)

    async def post(self, path: str, pieces: list[bytes], headers: dict[str, str]) -> Answer:
        async def receive() -> dict[str, Any]:
            if not pieces:
                return {"type": "http.disconnect"}
            piece = pieces.pop(0)
            self.taken += len(piece)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(event: dict[str, Any]) -> None:
            if event["type"] == "http.response.start":
                self.answer.status = event["status"]
                self.answer.headers = {k.decode(): v.decode() for k, v in event["headers"]}
            else:
                self.answer.body += event.get("body", b"")

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "client": ("203.0.113.9", 40000),
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
            "extensions": {},
        }
        await self.client.app(scope, receive, send)
        return self.answer


def pieces(size: int) -> list[bytes]:
    """Return a body that is no JSON, in pieces."""
    return [b"x" * 1_000] * (size // 1_000)


def meta(size: int) -> bytes:
    return b'{"keyId":"key_1","meta":{"a":"%b"}}' % (b"x" * size)


def values(count: int) -> bytes:
    return b'{"keyId":"key_1","meta":{"a":[%b]}}' % b",".join([b"0"] * count)


class TestBeforeReading:
    @BOTH
    async def test_nothing_is_read_from_a_caller_without_a_credential(self, surface: Surface, path: str) -> None:
        sender = Sender(surface.build())
        answer = await sender.post(path, pieces(2_000), {"content-type": "application/json"})
        assert (answer.status, sender.taken) == (401 if path == RPC else 400, 0)

    @BOTH
    @pytest.mark.parametrize("credential", ["Basic dTpw", "unkey_bare", "Bearer"])
    async def test_nothing_is_read_behind_a_malformed_credential(
        self, surface: Surface, path: str, credential: str
    ) -> None:
        class Malformed(AppError):
            code = ErrorCode.AUTHENTICATION_MALFORMED

        surface.platform.principal = Malformed("no")
        sender = Sender(surface.build())
        answer = await sender.post(path, pieces(2_000), JSON | {"authorization": credential})
        assert (answer.status, sender.taken) == (401 if path == RPC else 400, 0)

    @BOTH
    async def test_a_length_beyond_the_limit_is_refused(self, surface: Surface, path: str) -> None:
        sender = Sender(surface.build())
        answer = await sender.post(path, pieces(2_000), JSON | {"content-length": str(MOST + 1)})
        assert (answer.status, sender.taken) == (429 if path == RPC else 413, 0)
        assert f"maximum allowed size of {MOST} bytes".encode() in answer.body

    @BOTH
    async def test_a_long_body_is_read_from_known_callers_only(self, surface: Surface, path: str) -> None:
        surface.platform.principal = Unknown("who is this")
        sender = Sender(surface.build())
        answer = await sender.post(path, pieces(50_000), JSON | {"content-length": "50000"})
        assert (answer.status, sender.taken) == (401, 0)

    @BOTH
    @pytest.mark.parametrize("length", [{}, {"content-length": "nonsense"}])
    async def test_a_long_body_without_length_is_left_where_it_gets_long(
        self, surface: Surface, path: str, length: dict[str, str]
    ) -> None:
        surface.platform.principal = Unknown("who is this")
        sender = Sender(surface.build())
        answer = await sender.post(path, pieces(50_000), JSON | length)
        assert (answer.status, sender.taken) == (401, LIGHT + 1_000)

    @BOTH
    async def test_a_short_wrong_body_is_told_to_anybody(self, surface: Surface, path: str) -> None:
        surface.platform.principal = Unknown("who is this")
        answer = await Sender(surface.build()).post(path, [b'{"keyId":5}'], dict(JSON))
        assert answer.status == 400

    @BOTH
    async def test_a_body_beyond_the_limit_without_length_is_left(self, surface: Surface, path: str) -> None:
        sender = Sender(surface.build())
        answer = await sender.post(path, pieces(2 * MOST), dict(JSON))
        assert answer.status == (429 if path == RPC else 413)
        assert MOST < sender.taken <= MOST + 2_000


class TestManyValues:
    @BOTH
    async def test_are_decoded_for_known_callers_only(self, surface: Surface, path: str) -> None:
        surface.platform.principal = Unknown("who is this")
        assert (await surface.build().post(path, values(2_000))).status == 401
        assert (await surface.build().post(path, b"[" * 3_000)).status == 401

    @BOTH
    async def test_are_taken_up_to_a_bound(self, surface: Surface, path: str) -> None:
        client = surface.build()
        assert (await client.post(path, values(4_900))).status == 200
        refused = await client.post(path, values(5_100))
        assert refused.status == (429 if path == RPC else 413)
        assert b"5000 members and elements" in refused.body
        assert len(surface.keys.requests) == 1

    @BOTH
    async def test_escaped_characters_have_a_bound_of_their_own(self, surface: Surface, path: str) -> None:
        """What unescapes them does nothing else meanwhile, and takes the longer the more there are."""
        client = surface.build()
        bodies = [b'{"keyId":"key_1","meta":{"a":"%b"}}' % (rb"\ud83d\ude00" * pairs) for pairs in (24_900, 25_100)]
        assert (await client.post(path, bodies[0])).status == 200
        refused = await client.post(path, bodies[1])
        assert refused.status == (429 if path == RPC else 413)
        assert b"escaped characters" in refused.body

    async def test_are_counted_in_binary_messages_too(self, surface: Surface) -> None:
        client = surface.build()
        headers = {"content-type": "application/proto", "authorization": "Bearer test"}
        message = UpdateKeyRequest.from_json(values(900)).to_binary()
        assert (await client.post(RPC, message, headers=headers)).status == 200
        message = UpdateKeyRequest.from_json(values(5_100)).to_binary()
        assert (await client.post(RPC, message, headers=headers)).json["code"] == "resource_exhausted"
        surface.platform.principal = Unknown("who is this")
        assert (await client.post(RPC, message, headers=headers)).status == 401

    @BOTH
    async def test_marks_within_texts_are_no_values(self, surface: Surface, path: str) -> None:
        body = b'{"keyId":"key_1","meta":{"a":"%b"}}' % (b',[{\\"' * 20_000)
        assert (await surface.build().post(path, body)).status == 200


class TestHeavyBodies:
    @BOTH
    async def test_arrive_whole(self, surface: Surface, path: str) -> None:
        body = meta(600_000)
        answer = await surface.build().post(path, [body[i : i + 50_000] for i in range(0, len(body), 50_000)])
        assert answer.status == 200
        assert len(surface.keys.requests[0].meta.fields["a"].kind.value) == 600_000

    @BOTH
    async def test_mean_what_light_ones_mean(self, surface: Surface, path: str) -> None:
        """Blanks make a light body a heavy one, which is decoded another way."""
        numbers = rb'[1,-0.5,1e300,18446744073709551615,null,true,{"\u00e9":"\ud83d","b":"\ud83d\ude00\n\"\\"}]'
        members = b'"keyId":"key_1","name":null,"enabled":false,"enabled":true,"expires":1700000000000,"meta":'
        client = surface.build()
        for blanks in (b"", b" " * 2 * LIGHT):
            body = b"{%b%b%b}" % (members, b'{"a":%b}' % numbers, blanks)
            assert (await client.post(path, body)).status == 200
        light, heavy = surface.keys.requests
        assert light == heavy
        assert light.meta.fields["a"].kind.value.values[6].kind.value.fields["b"].kind.value == '\U0001f600\n"\\'

    @BOTH
    async def test_are_refused_for_what_light_ones_are(self, surface: Surface, path: str) -> None:
        client = surface.build()
        for wrong in (b'"keyId":5', b'"keyId":"key_1","expires":1e99', b'"keyId":"key_1","enabled":"x"'):
            answers = [await client.post(path, b"{%b%b}" % (wrong, blanks)) for blanks in (b"", b" " * 2 * LIGHT)]
            assert [answer.status for answer in answers] == [400, 400]

    @BOTH
    @pytest.mark.parametrize(("size", "status"), [(2_097_150, 200), (2_097_151, 400)])  # and two names
    async def test_hold_so_much_free_text(self, path: str, size: int, status: int) -> None:
        surface = Surface(max_body=10_000_000, bodies=BodyLimits())
        escaped = 100_000
        halves = (b"x" * (size // 2), b"\\n" * escaped + b"y" * (size - size // 2 - escaped))
        body = b'{"keyId":"key_1","meta":{"a":"%b","b":["%b"]}}' % halves
        answer = await surface.build().post(path, body)
        assert answer.status == status
        assert (b"holds more than 2097152 characters" in answer.body) == (status == 400)
        assert len(surface.keys.requests) == (status == 200)

    @BOTH
    async def test_are_worked_on_beside_the_event_loop(self, surface: Surface, path: str) -> None:
        before = set(threading.enumerate())
        client = surface.build()
        await client.post(path, meta(10))
        assert set(threading.enumerate()) <= before
        await client.post(path, meta(20_000))
        assert [t.name for t in set(threading.enumerate()) - before] == ["heavy-bodies_0"]

    @BOTH
    async def test_wait_for_their_turn_and_are_told_to_come_again(self, surface: Surface, path: str) -> None:
        surface.bodies = BodyLimits(light_bytes=LIGHT, heavy_calls_per_workspace=1, wait_seconds=0.05)
        client = surface.build()
        surface.keys.waits_for = asyncio.Event()
        verify = path.replace("update", "verify").replace("Update", "Verify")
        running = asyncio.create_task(client.post(verify, b'{"key":"a"%b}' % (b" " * 20_000)))
        await eventually(lambda: len(surface.keys.requests) == 1)
        light = asyncio.create_task(client.post(verify, {"key": "a"}))
        await eventually(lambda: len(surface.keys.requests) == 2)
        refused = await client.post(path, meta(20_000))
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        surface.keys.waits_for.set()
        await asyncio.gather(running, light)
        assert (await client.post(path, meta(20_000))).status == 200

    @BOTH
    async def test_give_back_their_share_however_they_end(self, surface: Surface, path: str) -> None:
        client = surface.build()
        hang_up = asyncio.Event()
        hang_up.set()
        await client.post(path, [meta(20_000)[:-1]])
        await client.post(path, values(6_000))
        await client.post(path, [b"x" * 10_000], hang_up=hang_up, truncated=True)
        surface.keys.requests.clear()
        assert (await client.post(path, meta(20_000))).status == 200


class TestPacked:
    BODY = meta(2_000)

    @BOTH
    @pytest.mark.parametrize("encoding", ["gzip", "identity"])
    async def test_bodies_are_unpacked(self, surface: Surface, path: str, encoding: str) -> None:
        body = gzip.compress(self.BODY) if encoding == "gzip" else self.BODY
        answer = await surface.build().post(path, body, headers=JSON | {"content-encoding": encoding})
        assert answer.status == 200
        assert surface.keys.requests[0].key_id == "key_1"

    @pytest.mark.parametrize("bits", [zlib.MAX_WBITS, -zlib.MAX_WBITS])
    async def test_deflate_means_what_the_standard_says_and_what_clients_send(
        self, surface: Surface, bits: int
    ) -> None:
        packer = zlib.compressobj(wbits=bits)
        body = packer.compress(self.BODY) + packer.flush()
        answer = await surface.build().post(UPDATE, body, headers=JSON | {"content-encoding": "Deflate"})
        assert answer.status == 200

    async def test_unknown_encodings_are_415_and_name_the_known_ones(self, surface: Surface) -> None:
        answer = await surface.build().post(UPDATE, self.BODY, headers=JSON | {"content-encoding": "br"})
        assert (answer.status, answer.json["error"]["status"]) == (415, 415)
        assert "gzip, deflate, identity" in answer.json["error"]["detail"]
        answer = await surface.build().post(RPC, self.BODY, headers=JSON | {"content-encoding": "br"})
        assert answer.json["code"] == "unimplemented"

    @BOTH
    @pytest.mark.parametrize(
        "body", [b"", b"\x1f\x8b", gzip.compress(BODY)[:-9], gzip.compress(b"") * 2_000, BODY], ids=range(5)
    )
    async def test_damaged_bodies_are_400(self, surface: Surface, path: str, body: bytes) -> None:
        answer = await surface.build().post(path, body, headers=JSON | {"content-encoding": "gzip"})
        assert answer.status == 400

    @BOTH
    async def test_bombs_are_left_where_they_get_too_large(self, surface: Surface, path: str) -> None:
        bomb = gzip.compress(b'{"keyId":"' + b"x" * 50_000_000)
        headers = JSON | {"content-encoding": "gzip"}
        assert (await surface.build().post(path, bomb, headers=headers)).status == (429 if path == RPC else 413)
        surface.platform.principal = Unknown("who is this")
        assert (await surface.build().post(path, bomb[:LIGHT], headers=headers)).status == 401

    async def test_messages_of_grpc_are_bounded_the_same_way(self, surface: Surface) -> None:
        headers = {"content-type": "application/grpc+proto", "authorization": "Bearer x", "grpc-encoding": "gzip"}
        client = surface.build()

        async def status(message: bytes) -> str:
            packed = gzip.compress(message)
            frame = b"\x01" + len(packed).to_bytes(4, "big") + packed
            return (await client.post(RPC, frame, headers=headers)).trailers["grpc-status"]

        assert await status(UpdateKeyRequest.from_json(self.BODY).to_binary()) == "0"
        assert await status(b"x" * 50_000_000) == "8"
        surface.platform.principal = Unknown("who is this")
        assert await status(b"x" * 500_000) == "16"
