"""Values that are no values: halves of characters, numbers beyond JSON, odd integers, deep nesting."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from unkey_proto.unkey.keys.v2.management_pb import UpdateKeyRequest

from tests.support.surface import Surface
from unkey_api.rpc.bodies.budget import DEPTH_MAX
from unkey_api.rpc.messages import text_of

UPDATE = "/v2/keys.updateKey"
VERIFY = "/v2/keys.verifyKey"
RPC = "/unkey.keys.v2.KeysService/"
BOTH = pytest.mark.parametrize("path", [UPDATE, RPC + "UpdateKey"])
META = next(field.number for field in UpdateKeyRequest.desc().fields if field.name == "meta")
BINARY = {"content-type": "application/proto", "authorization": "Bearer test"}


@pytest.fixture
def surface() -> Surface:
    return Surface(max_body=1_000_000)


def violations(answer: Any) -> list[dict[str, str]]:
    found: list[dict[str, str]]
    found = (
        answer.json["error"]["errors"] if "error" in answer.json else answer.json["details"][0]["debug"]["violations"]
    )
    return found


class TestHalvesOfCharacters:
    @pytest.mark.parametrize("path", [VERIFY, RPC + "VerifyKey"])
    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            (r"ua=\ud83d", "ua=\ufffd"),
            (r"\ude00x\ud83d", "\ufffdx\ufffd"),
            (r"\uD83D\uDE00\ud83d", "😀\ufffd"),
            (r"\\ud83d", r"\ud83d"),
            (r"\\\ud83d\"", '\\\ufffd"'),
        ],
    )
    async def test_become_replacement_characters(self, surface: Surface, path: str, sent: str, kept: str) -> None:
        answer = await surface.build().post(path, f'{{"key":"k","tags":["{sent}"]}}')
        assert answer.status == 200
        assert list(surface.keys.requests[0].tags) == [kept]

    @BOTH
    async def test_in_names_and_free_form_values(self, surface: Surface, path: str) -> None:
        answer = await surface.build().post(path, r'{"keyId":"key_1","meta":{"\ud83d":{"a":["\udc00"]}}}')
        assert answer.status == 200
        assert text_of(surface.keys.requests[0].meta) == '{"\ufffd":{"a":["\ufffd"]}}'

    @BOTH
    async def test_in_a_long_body(self, surface: Surface, path: str) -> None:
        answer = await surface.build().post(path, r'{"keyId":"key_1","meta":{"a":"%s"}}' % (r"\ud83d" * 30_000))
        assert answer.status == 200
        assert surface.keys.requests[0].meta.fields["a"].kind.value == "\ufffd" * 30_000

    @BOTH
    @pytest.mark.parametrize("wrong", ["", "name"])
    async def test_do_not_hide_what_is_wrong(self, surface: Surface, path: str, wrong: str) -> None:
        body = r'{"keyId":"key_1","meta":{"a":"\ud83d"},"credits":5}' if wrong else r'{"keyId":"\ud83d"'
        assert (await surface.build().post(path, body)).status == 400


class TestNumbersBeyondJson:
    @BOTH
    @pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "-Infinity"])
    async def test_are_refused_and_their_member_is_named(self, surface: Surface, path: str, number: str) -> None:
        answer = await surface.build().post(path, f'{{"keyId":"key_1","meta":{{"a":{{"b":[1,{number}]}}}}}}')
        assert answer.status == 400
        assert violations(answer)[0]["location"] == "/properties/meta/properties/a/properties/b/items/type"

    @pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
    async def test_are_refused_in_binary_messages(self, surface: Surface, number: float) -> None:
        value = b"\x11" + struct.pack("<d", number)
        inner = _field(5, _field(1, _field(1, b"b") + _field(2, value)))
        message = UpdateKeyRequest(key_id="key_1").to_binary() + _field(
            META, _field(1, _field(1, b"a") + _field(2, inner))
        )
        answer = await surface.build().post(RPC + "UpdateKey", message, headers=BINARY)
        assert answer.json["code"] == "invalid_argument"
        assert violations(answer)[0]["location"].startswith("/properties/meta")
        assert surface.panics == []


GOOD = ["0", "7", "-1", '"7"', '"-1"', '"1.0"', "1e1", '"1e1"', "2.0"]
BAD = [
    '"1_000"',
    '" 1"',
    '"1 "',
    '"+1"',
    '"0x1"',
    '"1.5"',
    "1.5",
    '"\u0661"',
    '"01"',
    '""',
    '"NaN"',
    "1e400",
    '"9e99"',
    "[]",
]


class TestIntegers:
    @pytest.mark.parametrize("value", GOOD)
    async def test_of_the_specification_are_read(self, surface: Surface, value: str) -> None:
        body = f'{{"keyId":"key_1","credits":{{"remaining":{value}}}}}'
        answer = await surface.build().post(RPC + "UpdateKey", body)
        assert answer.status in {200, 400}
        if answer.status == 400:
            assert "minimum" in answer.body.decode()  # of the right type, and below what the field takes

    @pytest.mark.parametrize("value", BAD)
    @BOTH
    async def test_others_are_refused_and_named(self, surface: Surface, path: str, value: str) -> None:
        answer = await surface.build().post(path, f'{{"keyId":"key_1","credits":{{"remaining":{value}}}}}')
        assert answer.status == 400
        assert "remaining" in answer.body.decode()
        assert surface.keys.requests == []

    @pytest.mark.parametrize("name", ["keyId", "key_id"])
    async def test_in_lists_under_either_name(self, surface: Surface, name: str) -> None:
        client = surface.build()
        body = f'{{"{name}":"key_1","ratelimits":[{{"name":"abc","limit":"1_0","duration":"1000"}}]}}'
        answer = await client.post(RPC + "UpdateKey", body)
        assert violations(answer)[0]["location"] == "/properties/ratelimits/items/properties/limit/type"

    @pytest.mark.parametrize("value", ['"7"', "1e1", "2.0"])
    async def test_over_http_json_are_written_as_integers(self, surface: Surface, value: str) -> None:
        answer = await surface.build().post(UPDATE, f'{{"keyId":"key_1","credits":{{"remaining":{value}}}}}')
        assert violations(answer)[0]["location"].endswith("/remaining/type")


class TestNesting:
    @staticmethod
    def body(depth: int, opening: str, closing: str) -> str:
        return f'{{"keyId":"key_1","meta":{{"a":{opening * (depth - 1)}1{closing * (depth - 1)}}}}}'

    @BOTH
    @pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]"), ('[{"a":', "}]")])
    async def test_is_allowed_to_a_depth(self, surface: Surface, path: str, opening: str, closing: str) -> None:
        depth = DEPTH_MAX if len(closing) == 1 else DEPTH_MAX // 2
        answer = await surface.build().post(path, self.body(depth, opening, closing))
        assert answer.status == 200

    @BOTH
    @pytest.mark.parametrize("depth", [*range(DEPTH_MAX + 1, 56), 100, 300, 490])
    @pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
    async def test_beyond_is_refused(self, surface: Surface, path: str, depth: int, opening: str, closing: str) -> None:
        answer = await surface.build().post(path, self.body(depth, opening, closing))
        assert (answer.status, surface.panics) == (400, [])

    @BOTH
    @pytest.mark.parametrize("depth", [5_000, 100_000])
    async def test_far_beyond_is_refused(self, surface: Surface, path: str, depth: int) -> None:
        for opening, closing in (('{"a":', "}"), ("[", "]"), ("[", "")):
            answer = await surface.build().post(path, self.body(depth, opening, closing))
            assert answer.status in {400, 413, 429}
        assert surface.panics == []

    @pytest.mark.parametrize("depth", [DEPTH_MAX, *range(DEPTH_MAX + 1, 49)])
    async def test_in_binary_messages(self, surface: Surface, depth: int) -> None:
        message = UpdateKeyRequest.from_json(self.body(depth, '{"a":', "}")).to_binary()
        answer = await surface.build().post(RPC + "UpdateKey", message, headers=BINARY)
        assert (answer.status, surface.panics) == (200 if depth == DEPTH_MAX else 400, [])

    async def test_endless_in_binary_messages(self, surface: Surface) -> None:
        message = b""
        for _ in range(400):
            message = _field(6, _field(1, message))
            message = message[:60_000]
        body = UpdateKeyRequest(key_id="key_1").to_binary() + _field(
            META, _field(1, _field(1, b"a") + _field(2, message))
        )
        answer = await surface.build().post(RPC + "UpdateKey", body, headers=BINARY)
        assert (answer.status, surface.panics) == (400, [])


def _update(meta: bytes) -> bytes:
    return UpdateKeyRequest(key_id="key_1").to_binary() + _field(META, meta)


def _field(number: int, content: bytes) -> bytes:
    size, length = b"", len(content)
    while length > 0x7F:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


class TestSeveralMembersOfOneName:
    @BOTH
    async def test_the_last_counts(self, surface: Surface, path: str) -> None:
        answer = await surface.build().post(
            path, '{"keyId":"key_1","keyId":"key_2","meta":{"a":1},"meta":{"b":2,"b":3}}'
        )
        assert answer.status == 200
        assert (surface.keys.requests[0].key_id, text_of(surface.keys.requests[0].meta)) == ("key_2", '{"b":3}')


class TestMembersThatDoNotCount:
    """Where unknown members are ignored, so are those that only the decoder knows by another name."""

    PATH = "/v2/keys.rerollKey"

    @pytest.mark.parametrize("member", ['"nullFields":-1', '"null_fields":"expiration"', '"other":{"a":[]}'])
    async def test_are_ignored(self, surface: Surface, member: str) -> None:
        answer = await surface.build().post(self.PATH, f'{{"keyId":"key_1","expiration":5,{member}}}')
        assert (answer.status, surface.panics) == (501, [])  # valid, and no test has written a handler

    async def test_do_not_replace_those_that_do(self, surface: Surface) -> None:
        answer = await surface.build().post(self.PATH, '{"keyId":"key_1","expiration":5,"key_id":"-"}')
        assert answer.status == 501  # with the other spelling it would be a 400
