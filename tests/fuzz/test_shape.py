"""Documents at random against the shapes of requests: what the shape lets pass, the decoder takes."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import orjson
import pytest
from unkey_proto.unkey.keys.v2.keys_connect import KeysService

from tests.fuzz.inputs import SECONDS, Bound, run_cases
from unkey_api.rpc.http_json.shape import ShapeErrors, compile_shape
from unkey_api.rpc.method import describe

SHORT_CASES = 500
METHODS = [spec for spec in describe(KeysService.desc()) if spec.takes_body]
SCALARS: list[Any] = [None, True, 0, 1, -1, 2**31, 2**63, -(2**63), 2**64, 1.0, 0.5, 1e300, "", "a", "é" * 300, "1"]


def made(random: Random, names: list[str], depth: int = 0) -> Any:  # any JSON
    roll = random.random()
    if depth > 4 or roll < 0.4:
        return random.choice(SCALARS)
    if roll < 0.6:
        return [made(random, names, depth + 1) for _ in range(random.choice((0, 1, 3, 300 if depth == 1 else 2)))]
    return {random.choice(names): made(random, names, depth + 1) for _ in range(random.randint(0, 6))}


@pytest.mark.timeout(SECONDS + 120)
async def test_what_a_shape_lets_pass_can_be_decoded() -> None:
    shapes = [(spec.info.input, compile_shape(spec.info.input.desc())) for spec in METHODS]
    names = sorted({f.json_name for message, _ in shapes for f in message.desc().fields})
    names += ["remaining", "refill", "interval", "amount", "limit", "duration", "autoApply", "hash", "cost", "other"]

    async def case(random: Random) -> None:
        message, shape = random.choice(shapes)
        known = [f.json_name for f in message.desc().fields]
        document = {random.choice([*known, "other"]): made(random, names) for _ in range(random.randint(0, 5))}
        body = json.dumps(document).encode()
        document = orjson.loads(body)
        found = ShapeErrors()
        with Bound(len(body)):
            shape.check(document, "", found, (document, ""))
        assert len(found.violations) < 500
        assert sum(len(v.message) + len(v.location) for v in found.violations) < 200_000
        if not (found.violations or found.nulls or found.ignored):
            message.from_json(body)

    await run_cases(SHORT_CASES, case)
