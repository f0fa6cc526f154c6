"""The list of attacks, and what they know of their target."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.support.raw_http2 import RawHttp2, raw_http2

HOST = "127.0.0.1"
SOURCE = "127.0.0.66"
"""Where attackers come from: what counts by address must not count for the victim."""
READ_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Target:
    """How to reach the service, and what a paying customer who turns hostile knows."""

    http1_port: int
    http2_port: int
    root_key: str
    """Of a workspace that is not the victim's."""
    api_id: str

    @asynccontextmanager
    async def http1(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Connect to the HTTP/1.1 port."""
        reader, writer = await asyncio.open_connection(HOST, self.http1_port, local_addr=(SOURCE, 0))
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    @asynccontextmanager
    async def http2(self, **settings: int) -> AsyncIterator[RawHttp2]:
        """Connect to the HTTP/2 port with these settings, named by their numbers (`s4=0`)."""
        told = {int(name[1:]): value for name, value in settings.items()}
        async with raw_http2(HOST, self.http2_port, settings=told, source=SOURCE) as connection:
            yield connection

    async def say(self, data: bytes) -> bytes:
        """Send bytes to the HTTP/1.1 port and return what comes back until the end or for a while."""
        async with self.http1() as (reader, writer):
            writer.write(data)
            answer = b""
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(READ_SECONDS):
                    await writer.drain()
                    while b"\r\n\r\n" not in answer and (piece := await reader.read(65_536)):
                        answer += piece
            return answer

    async def post(self, path: str, body: bytes, *lines: str, credential: str | None = None) -> bytes:
        """POST a body on a connection of its own. The credential is the root key unless another is given."""
        head = [
            f"POST {path} HTTP/1.1",
            "Host: attacked",
            f"Authorization: Bearer {self.root_key if credential is None else credential}",
            f"Content-Length: {len(body)}",
            *(
                []
                if any(line.lower().startswith("content-type") for line in lines)
                else ["Content-Type: application/json"]
            ),
            *lines,
        ]
        return await self.say("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)


Round = Callable[[Target], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Attack:
    """One way of doing harm."""

    name: str
    kind: str
    """What it is aimed at; the table is grouped by it."""
    round: Round
    """Does it once; it is repeated as long as the attack lasts."""
    at_once: int
    """How many of them go on at the same time."""


ATTACKS: dict[str, Attack] = {}


def attack(kind: str, *, at_once: int = 4) -> Callable[[Round], Round]:
    """Register a round under the name of its function."""

    def register(one_round: Round) -> Round:
        name = str(getattr(one_round, "__name__", "")).replace("_", " ")
        assert name not in ATTACKS
        ATTACKS[name] = Attack(name, kind, one_round, at_once)
        return one_round

    return register


@attack("for comparison", at_once=1)
async def nobody_attacks(target: Target) -> None:
    """What the victim sees of this machine and of itself. Defined here, so it is the first."""
    await asyncio.sleep(0.1)
