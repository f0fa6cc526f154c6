"""The HTTP/2 listener on a connection that lives long, with the sans-io part of h2 as the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded, StreamReset

from unkey_api.server.http2.frames import HardConnection
from unkey_api.server.http2.listener import (
    BARRED_SECONDS,
    FLOODS_PER_ADDRESS,
    REMEMBERED_ADDRESSES,
    FloodsByAddress,
    Http2Listener,
)
from unkey_api.server.sockets import bind_workers

READ_BYTES = 65_536
HEADERS = [(":method", "POST"), (":scheme", "http"), (":authority", "test"), (":path", "/")]


REPEATED = 40


async def echo(scope: Any, receive: Any, send: Any) -> None:  # Any: the types of ASGI
    """Answer with the body of the request, many times over."""
    body, more = b"", True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body * REPEATED})


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.h2 = H2Connection(H2Configuration())
        self.h2.initiate_connection()

    async def ask(self, bodies: list[bytes]) -> list[bytes]:
        """Send so many requests at once and return their answers."""
        answers: dict[int, bytes] = {}
        for body in bodies:
            number = self.h2.get_next_available_stream_id()
            answers[number] = b""
            self.h2.send_headers(number, HEADERS)
            self.h2.send_data(number, body, end_stream=True)
        waiting = set(answers)
        while waiting:
            self.writer.write(self.h2.data_to_send())
            read = await self._reader.read(READ_BYTES)
            assert read, "the connection was closed"
            for event in self.h2.receive_data(read):
                assert not isinstance(event, StreamReset)
                if isinstance(event, DataReceived):
                    answers[event.stream_id] += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    waiting.discard(event.stream_id)
        return list(answers.values())


@pytest.fixture
async def listener() -> AsyncIterator[Http2Listener]:
    sock = bind_workers("127.0.0.1", http_port=0, http2_port=0, workers=1)[0].http1
    opened = Http2Listener(echo, sock, budget=timedelta(seconds=2), tls=None)
    await opened.start()
    yield opened
    await opened.drain()


@pytest.fixture
async def client(listener: Http2Listener) -> AsyncIterator[Client]:
    port = listener._socket.getsockname()[1]
    made = Client(*await asyncio.open_connection("127.0.0.1", port))
    yield made
    made.writer.close()


async def test_answers_belong_to_their_requests(client: Client) -> None:
    bodies = [b"%d" % number * (number % 9) for number in range(100)]
    assert await client.ask(bodies) == [body * REPEATED for body in bodies]


async def test_bodies_larger_than_the_window_arrive_whole(client: Client) -> None:
    bodies = [bytes([number]) * 1_000 for number in range(8)]  # all answers share a window of 65,535 bytes
    assert await client.ask(bodies) == [body * REPEATED for body in bodies]


async def test_a_connection_that_lives_long_remembers_few_of_its_streams(
    client: Client, listener: Http2Listener
) -> None:
    """Every one is 200 bytes, and a channel of gRPC lives for days."""
    for _ in range(12):
        await client.ask([b"x"] * 100)
    (connection,) = listener._connections
    assert connection.streams is not None
    assert len(connection.streams.connection._closed_streams) <= HardConnection.MAX_CLOSED_STREAMS < 1_200


def test_an_address_of_many_floods_is_turned_away_for_a_while() -> None:
    barred = FloodsByAddress()
    for second in range(FLOODS_PER_ADDRESS):
        assert not barred.too_many("192.0.2.1", second / 10)
        barred.note("192.0.2.1", second / 10)
    assert barred.too_many("192.0.2.1", 2.0)
    assert not barred.too_many("192.0.2.2", 2.0)
    assert not barred.too_many("192.0.2.1", BARRED_SECONDS + 1)


def test_addresses_remembered_are_bounded() -> None:
    barred = FloodsByAddress()
    for number in range(REMEMBERED_ADDRESSES + 50):
        barred.note(str(number), 0.0)
    assert len(barred._floods) == REMEMBERED_ADDRESSES
    barred.note("later", BARRED_SECONDS + 1)
    assert len(barred._floods) == 1
