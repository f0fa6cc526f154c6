"""An ordinary customer: a hundred verifications a second over HTTP/1.1 and as many over gRPC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import grpc
from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyRequest, VerifyKeyResponse

HOST = "127.0.0.1"
LANES = 10  # of each protocol
PERIOD_SECONDS = 0.1  # between two requests of a lane
PATIENCE_SECONDS = 10.0
METHOD = "/unkey.keys.v2.KeysService/VerifyKey"
HTTP, GRPC = "HTTP/1.1", "gRPC"


@dataclass(slots=True)
class Seen:
    """What happened to the requests of one protocol."""

    milliseconds: list[float] = field(default_factory=list)
    """From when each was due to its answer."""
    failures: list[str] = field(default_factory=list)

    @property
    def p99_ms(self) -> float:
        """The 99th percentile; 0 without requests."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if ordered else 0.0


class Victim:
    """Sends requests from entering to leaving; `seen` is replaced to begin anew."""

    def __init__(self, http1_port: int, http2_port: int, *, root_key: str, key: str) -> None:
        self._http1_port = http1_port
        self._http2_port = http2_port
        self._root_key = root_key
        self._key = key
        self.seen: dict[str, Seen] = {}
        self.begin()
        self._stack = AsyncExitStack()

    def begin(self) -> None:
        """Forget what was seen."""
        self.seen = {HTTP: Seen(), GRPC: Seen()}

    async def __aenter__(self) -> Self:
        channel = await self._stack.enter_async_context(grpc.aio.insecure_channel(f"{HOST}:{self._http2_port}"))
        call = channel.unary_unary(METHOD, request_serializer=bytes, response_deserializer=bytes)
        metadata = (("authorization", f"Bearer {self._root_key}"),)
        message = VerifyKeyRequest(key=self._key).to_binary()

        async def by_grpc() -> None:
            answer = await call(message, metadata=metadata, timeout=PATIENCE_SECONDS)
            _expect(VerifyKeyResponse.from_binary(answer).valid, "not valid")

        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        lanes = [tasks.create_task(self._lane(n, GRPC, by_grpc)) for n in range(LANES)]
        connections = [_Http1Lane(self._http1_port, self._request()) for _ in range(LANES)]
        lanes += [tasks.create_task(self._lane(n, HTTP, each.ask)) for n, each in enumerate(connections)]
        for each in connections:
            self._stack.callback(each.close)
        self._stack.callback(lambda: [lane.cancel() for lane in lanes])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def _request(self) -> bytes:
        body = f'{{"key":"{self._key}"}}'
        lines = (
            f"Authorization: Bearer {self._root_key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        return f"POST /v2/keys.verifyKey HTTP/1.1\r\nHost: victim\r\n{lines}\r\n\r\n{body}".encode()

    async def _lane(self, number: int, protocol: str, ask: Callable[[], Awaitable[None]]) -> None:
        due = time.monotonic() + number * PERIOD_SECONDS / LANES
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            seen = self.seen[protocol]
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await ask()
                seen.milliseconds.append((time.monotonic() - due) * 1_000)
            except (OSError, TimeoutError, EOFError, _Unexpected, grpc.aio.AioRpcError) as err:
                seen.failures.append(f"{type(err).__name__}: {err}"[:300])
            # Who is late does not send all it has missed at once.
            due = max(due + PERIOD_SECONDS, time.monotonic())


class _Unexpected(Exception):
    """An answer that is not the one there should be."""


def _expect(condition: object, otherwise: str) -> None:
    if not condition:
        raise _Unexpected(otherwise)


class _Http1Lane:
    """One connection that is kept open, and opened again when it was lost."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port = port
        self._request = request
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> None:
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(HOST, self._port)
            reader, writer = self._streams
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
            body = await reader.readexactly(int(fields[b"content-length"]))
            _expect(head.startswith(b"HTTP/1.1 200 ") and b'"valid":true' in body, repr(head[:40] + body[:200]))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close it, if it is open."""
        if self._streams is not None:
            self._streams[1].transport.abort()
        self._streams = None
