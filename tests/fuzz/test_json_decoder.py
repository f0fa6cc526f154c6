"""Bodies at random, through both surfaces and codecs: an answer, or a refusal, in bounded time."""

from __future__ import annotations

import gzip
from random import Random

import pytest
from unkey_proto.unkey.keys.v2.issuing_pb import CreateKeyRequest
from unkey_proto.unkey.keys.v2.management_pb import UpdateKeyRequest

from tests.fuzz.inputs import SECONDS, Bound, mutate, run_cases
from tests.support.surface import Surface

SHORT_CASES = 300
SMALL = 10_000
BODIES = [
    b'{"keyId":"key_1","name":"n","meta":{"a":[1,2.5,-1e3,true,null,"x",{"b":{}}]},"credits":{"remaining":7}}',
    b'{"keyId":"key_1","expires":null,"ratelimits":[{"name":"abc","limit":1,"duration":1000,"autoApply":true}]}',
    rb'{"keyId":"key_1","externalId":"\ud83d\ude00\ud83d","permissions":["a.b","c"],"roles":[],"enabled":false}',
    b'{"key":"k","tags":["a=b"],"permissions":"a AND (b OR c)","credits":{"cost":1}}',
    b'[{"namespace":"n","identifier":"i","limit":1,"duration":1000,"cost":1}]',
    UpdateKeyRequest.from_json('{"keyId":"key_1","meta":{"a":[1,{"b":"x"}]},"credits":{"remaining":"7"}}').to_binary(),
    CreateKeyRequest.from_json('{"apiId":"api_1","permissions":["a","b"]}').to_binary(),
]
WORDS = [
    *(b'"', b"\\", b"\\u", rb"\ud83d", rb"\udc00", b"[", b"]", b"{", b"}", b":", b",", b'{"a":', b'"a"', b"{},", b"0,"),
    *(b"NaN", b"-Infinity", b"1e400", b"-0", b"1_0", b"null", b"true", b"9" * 30, b"\x00", b"\xff", b"\xef\xbb\xbf"),
    *(b"\x0a\x02", b"\x12\x80\x80\x80\x80\x01", b"\x80" * 12, b"\x0b", b"\x0c", "é".encode(), "\u2028".encode()),
]
PATHS = ["keys.updateKey", "keys.verifyKey", "keys.createKey", "keys.migrateKeys", "ratelimit.multiLimit"]
RPC = [
    "/unkey.keys.v2.KeysService/UpdateKey",
    "/unkey.keys.v2.KeysService/VerifyKey",
    "/unkey.keys.v2.KeysService/MigrateKeys",
]
STATUSES = {200, 400, 401, 413, 415, 429, 501}


@pytest.mark.timeout(SECONDS + 120)
async def test_no_body_makes_it_raise_or_costs_more_than_its_size() -> None:
    surface = Surface(max_body=100_000)
    client = surface.build()

    async def case(random: Random) -> None:
        body = mutate(random.choice(BODIES), WORDS, random)
        headers = {"authorization": random.choice(("Bearer x", "Bearer x", "Basic x"))}
        rpc = random.random() < 0.5
        kind = random.choice(("json", "proto") if rpc else ("json",))
        headers["content-type"] = f"application/{kind}"
        if random.random() < 0.2:
            headers["content-encoding"] = random.choice(("gzip", "deflate", "br", "identity"))
            body = gzip.compress(body) if random.random() < 0.7 else body
        size = random.choice((1, 7, 100_000))
        pieces = [body[at : at + size] for at in range(0, min(len(body), 1_000 * size), size)] or [b""]
        path = random.choice(RPC) if rpc else "/v2/" + random.choice(PATHS)
        with Bound(len(body) if "content-encoding" not in headers else 100_000):
            answer = await client.post(path, pieces, headers=headers)
        assert answer.status in STATUSES
        assert len(answer.body) < SMALL
        assert surface.panics == []
        surface.keys.requests.clear()
        surface.observer.completed.clear()

    await run_cases(SHORT_CASES, case)
