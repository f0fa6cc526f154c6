"""Mutated HTTP/1.1 conversations in random pieces.

A short run is part of the tests; `UNKEY_FUZZ_SECONDS` makes it as long as you like. A failure names the seed that
`UNKEY_FUZZ_SEED` repeats.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Any

import pytest

from tests.support.http1 import Call, Caller, World, read_body, reply, world
from tests.support.waiting import settle

SHORT_CASES = 150
SECONDS = float(os.environ.get("UNKEY_FUZZ_SECONDS", "0"))
SEED = os.environ.get("UNKEY_FUZZ_SEED", "")
GET = b"GET /g HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n" + GET + b"0123456789ab"
FRAGMENTS = (
    GET,
    BODY,
    b"HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /0 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET /early?q HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1c\r\n"
    + GET
    + b"\r\n0\r\nT: u\r\n\r\n",
    b"POST /u HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: foo\r\nContent-Length: 28\r\n\r\n" + GET,
    b"POST /v HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n1c\r\n"
    + GET
    + b"\r\n0\r\n\r\n",
    b"GET /w HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
    b"POST /parts HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok",
    b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n",
)
WORDS = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b";", b"0\r\n\r\n", b"\r\n\r\n", b"\r\n ", b"ffffffff",
    b"-1", b"HTTP/1.0", b"HTTP/2.0", b"Host: y\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Connection: close\r\n",
    b"Connection: Upgrade\r\n", b"Upgrade: foo\r\n",
    b"CONNECT ", b"Expect: 100-continue\r\n", b"\xff", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)  # fmt: skip
KEPT_BYTES = 200_000  # the high-water mark of a body, one slice, and what one case holds at most in one segment


@dataclass
class Case:
    """One conversation."""

    data: bytes
    pieces: list[bytes]
    paths: list[bytes] | None
    """Those of the requests; None when some were broken."""


def make(random: Random) -> Case:
    """Choose requests, break some, cut them."""
    chosen = random.choices(FRAGMENTS, k=random.randint(1, 8))
    data = b"".join(chosen)
    if random.random() < 0.2:
        return Case(data, cut(data, random), [each.split()[1].partition(b"?")[0] for each in chosen])
    for _ in range(random.randint(1, 6)):
        data = mutate(data, random)
    return Case(data, cut(data, random), None)


def mutate(data: bytes, random: Random) -> bytes:
    """Change a place."""
    place = random.randrange(len(data) + 1)
    end = min(len(data), place + random.choice((1, 1, 2, 5, 30)))
    kind = random.randrange(5)
    if kind == 0:
        return data[:place] + random.choice(WORDS) + data[place:]
    if kind == 1:
        return data[:place] + data[end:]
    if kind == 2:
        return data[:place] + data[place:end] * random.choice((2, 3, 50)) + data[end:]
    if kind == 3:
        return data[:place] + random.choice(WORDS) + data[end:]
    return data[:place] + random.randbytes(end - place) + data[end:]


def cut(data: bytes, random: Random) -> list[bytes]:
    """Cut into pieces."""
    pieces = []
    longest = random.choice((1, 3, 20, 100, 100_000))
    while data:
        size = random.randint(1, longest)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


class Judge:
    """An application that behaves in every way there is, and counts."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.running = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
        """Answer by the path."""
        call = Call(scope)
        self.calls.append(call)
        self.running += 1
        assert self.running == 1, "one at a time on one connection"
        try:
            await self._answer(call, receive, send)
        finally:
            self.running -= 1

    async def _answer(self, call: Call, receive: Any, send: Any) -> None:  # Any: ASGI's own types
        path = call.scope["path"]
        if path == "/early":
            await reply(send, 401, b"no")
            return
        call.body, call.disconnected = await read_body(receive)
        if path == "/later":
            await settle(2)
        if path == "/parts":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"pa", "more_body": True})
            await send({"type": "http.response.body", "body": b"rts"})
        else:
            await reply(send, 200, b"done")


async def run(pieces: list[bytes]) -> tuple[World, Judge, Caller]:
    """Hold the conversation, check what must hold in any."""
    judge = Judge()
    there = world(judge, head_bytes=4_096, head_fields=30)
    caller = there.connect()
    for piece in pieces:
        if caller.transport.closed:
            break
        caller.connection.data_received(piece)
        while not caller.transport.reading and not caller.transport.closed:
            await settle(1)
        held = len(caller.connection._kept) + len(caller.connection._intake._target)
        assert held <= KEPT_BYTES
        if not piece[0] % 3:
            await settle(2)
    await settle(60)
    answers = [status for status in caller.statuses if status != 100]
    refusals = len(answers) - len(judge.calls)
    assert refusals <= 1, f"{len(judge.calls)} requests, answers {answers}"
    assert all(status in (200, 401) for status in answers[: len(judge.calls) - 1])
    await there.wait(200)
    assert caller.transport.closed
    assert (there.shared.open, there.shared.tasks, judge.running) == (set(), set(), 0)
    return there, judge, caller


HEAD_REFUSALS = {400, 414, 431}


def seen(judge: Judge, caller: Caller) -> tuple[list[object], list[int]]:
    """Return what must not depend on how the bytes were cut. The last may be cut off by a refusal, or not be begun.

    Of a head that is broken and too large as well, either may be noticed first; that it is refused is the same.
    """
    whole = [(call.scope["method"], call.scope["raw_path"], call.body) for call in judge.calls if not call.disconnected]
    statuses = [400 if status in HEAD_REFUSALS else status for status in caller.statuses]
    return list(whole), [status for status in statuses if status not in (100, 408)]


async def one(seed: int) -> None:
    """Run the case of a seed."""
    case = make(Random(seed))  # noqa: S311 - to be repeated, not to be secret
    _, judge, caller = await run(case.pieces)
    _, judge_whole, caller_whole = await run([case.data])
    assert seen(judge, caller) == seen(judge_whole, caller_whole)
    if case.paths is not None:
        assert [call.scope["raw_path"] for call in judge.calls] == case.paths, "all of them, and nothing out of a body"


@pytest.mark.timeout(SECONDS + 60)
async def test_no_input_makes_it_raise_answer_twice_or_hold_on() -> None:
    end = time.monotonic() + SECONDS
    seeds = SystemRandom()
    cases = 0
    while cases < SHORT_CASES or time.monotonic() < end:
        seed = int(SEED) if SEED else cases if not SECONDS else seeds.getrandbits(48)
        try:
            await one(seed)
        except Exception as err:
            raise AssertionError(f"UNKEY_FUZZ_SEED={seed}") from err
        cases += 1
        if SEED:
            break
    print(f"\n{cases} conversations")  # noqa: T201 - a figure worth seeing
