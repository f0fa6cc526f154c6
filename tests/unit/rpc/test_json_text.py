"""Texts that are mostly escapes."""

from __future__ import annotations

import orjson
import pytest

from unkey_api.rpc.bodies.json_text import read_json

ESCAPED = [
    b'{"a":"%b"}' % (rb"\u0041" * 50_000),
    b'{"a":"%b"}' % (rb"\ud83d\ude00\n" * 50_000),
    b'{"a":"%b"}' % (rb"\ud83d" * 50_000),
    b'{"a":"%b","b":"%b"}' % (b"x" * 500_000, rb"\t" * 50_000),
    b'{"a":[1,-0.5,1e300,18446744073709551615,null,true],"b":"%b"}' % (rb"\"" * 50_000),
]


@pytest.mark.parametrize("body", ESCAPED)
def test_a_heavy_one_is_written_anew_and_means_the_same(body: bytes) -> None:
    document, text = read_json(body, heavy=True)
    assert orjson.loads(text) == document == read_json(body)[0]
    assert len(text) < len(body)


@pytest.mark.parametrize("body", [b'{"a":"%b"}' % (b"x" * 500_000), b'{"a":"%b\\n"}' % (b"x" * 500_000)])
def test_one_with_few_escapes_stays_as_it_is(body: bytes) -> None:
    assert read_json(body, heavy=True)[1] is body


def test_a_light_one_stays_as_it_is() -> None:
    assert read_json(ESCAPED[0])[1] is ESCAPED[0]
