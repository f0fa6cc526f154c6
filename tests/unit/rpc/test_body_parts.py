"""Unpacking and weighing bodies: never more than asked for, and marks within texts are no values."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc
import zlib
from typing import Any

import pytest

from unkey_api.rpc.bodies import weight
from unkey_api.rpc.bodies.encodings import Corrupt, gunzip, inflate
from unkey_api.rpc.bodies.weight import json_holds_more

RANDOM = random.Random(11)  # noqa: S311 - repeatable on purpose


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 300_000])
def test_what_was_packed_comes_out(size: int) -> None:
    for data in (RANDOM.randbytes(size), b"\0" * size):
        raw = zlib.compressobj(wbits=-15)
        assert gunzip(gzip.compress(data), 1_000_000) == data
        assert inflate(zlib.compress(data), 1_000_000) == data
        assert inflate(raw.compress(data) + raw.flush(), 1_000_000) == data


def test_one_byte_beyond_the_limit_is_all_that_is_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    assert len(gunzip(bomb, 1_000)) == 1_001
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("body", [b"", b"x", gzip.compress(b"a" * 99)[:-5], gzip.compress(b"a") * 2], ids=range(4))
def test_damaged_bodies_are_named_so(body: bytes) -> None:
    with pytest.raises(Corrupt):
        gunzip(body, 1_000)


def made(depth: int = 0) -> Any:  # any JSON
    roll = RANDOM.random()
    if depth > 3 or roll < 0.4:
        return RANDOM.choice(["a,b", '{"[', "\\", '\\"', ",,,,", 1, None, "é", ""])
    if roll < 0.7:
        return [made(depth + 1) for _ in range(RANDOM.randint(0, 4))]
    return {RANDOM.choice(["k,", '"', "\\", "x{"]) + str(i): made(depth + 1) for i in range(RANDOM.randint(0, 4))}


def marks(document: Any) -> int:  # any JSON
    if isinstance(document, dict | list):
        inner = document.values() if isinstance(document, dict) else document
        return max(1, len(document)) + sum(map(marks, inner))
    return 0


def test_values_are_counted_across_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (7, 8, 13, 262_144):
        monkeypatch.setattr(weight, "SLICE_BYTES", size)
        for _ in range(500):
            document = made()
            body, count = json.dumps(document, ensure_ascii=RANDOM.random() < 0.5).encode(), marks(document)
            escaped = -(-body.count(b"\\") // weight.ESCAPES_PER_VALUE)
            assert not json_holds_more(body, max(count, escaped))
            assert max(count, escaped) == 0 or json_holds_more(body, max(count, escaped) - 1)
