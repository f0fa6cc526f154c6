"""Messages between all hosts, as events of a serf cluster, and the command protocol of its agent.

That is MessagePack over TCP, requests and answers matched by a number.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgpack

from unkey_api.core.secret import Secret
from unkey_api.infra.invalidation.ports import TransportDown, TransportEvents

PROTOCOL_VERSION = 1
EVENT_NAME = "unkey-cache"
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 2.0  # an agent answers within a millisecond; one that takes longer is stuck
BUFFER_BYTES_MAX = 1024 * 1024
_READ_BYTES = 64 * 1024


class SerfFailed(Exception):
    """The agent cannot be reached, does not answer, or refuses. The message says which."""


class SerfConnection:
    """One connection to an agent. Made by `connected`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        # The agent speaks the MessagePack of 2012, which has one type for texts and bytes.
        self._packer = msgpack.Packer(use_bin_type=False)
        self._unpacker = msgpack.Unpacker(raw=True, max_buffer_size=BUFFER_BYTES_MAX)
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._sequence = 0
        self._body_follows = False
        self._subscription = -1

    async def ask(self, command: str, body: Mapping[str, object]) -> None:
        """Send a command that is answered without a body, and wait for the answer.

        Raises:
            SerfFailed: The agent refused it or did not answer in time.
        """
        self._sequence += 1
        sequence = self._sequence
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers[sequence] = answer
        try:
            header = {"Command": command, "Seq": sequence}
            self._writer.write(self._packer.pack(header) + (self._packer.pack(body) if body else b""))
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._writer.drain()
                await answer
        except TimeoutError as err:
            raise SerfFailed(f"the agent did not answer to {command}") from err
        except OSError as err:
            raise SerfFailed(f"the connection broke: {err}") from err
        finally:
            self._answers.pop(sequence, None)

    async def send_event(self, payload: bytes) -> None:
        """Broadcast an event. Raises SerfFailed as `ask` does."""
        await self.ask("event", {"Name": EVENT_NAME, "Payload": payload, "Coalesce": False})

    async def probe(self) -> None:
        """See whether the agent answers, by ending a subscription that never was. Raises SerfFailed as `ask` does."""
        await self.ask("stop", {"Stop": 0})

    async def read(self, receive: Callable[[bytes], None]) -> None:
        """Hand the payload of every event to `receive`, and answers to those who wait, until the end.

        Raises:
            SerfFailed: Always, in the end: the connection is gone.
        """
        reason = "the agent closed the connection"
        try:
            while data := await self._reader.read(_READ_BYTES):
                self._unpacker.feed(data)
                for message in self._unpacker:
                    self._take(message, receive)
        except SerfFailed as err:
            reason = str(err)
        except (OSError, ValueError, msgpack.exceptions.UnpackException) as err:
            reason = f"the connection broke: {err!r}"
        failure = SerfFailed(reason)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(failure)
        raise failure

    def _take(self, message: Any, receive: Callable[[bytes], None]) -> None:  # Any: decoded from the wire
        if not isinstance(message, dict):
            raise SerfFailed("the agent speaks another protocol")
        if self._body_follows:
            self._body_follows = False
            payload = message.get(b"Payload")
            if message.get(b"Name") == EVENT_NAME.encode() and isinstance(payload, bytes):
                receive(payload)
            return
        answer = self._answers.get(message.get(b"Seq", 0))
        if answer is None:
            # The number of the subscription again, or of a command that was given up. Only the former has a body.
            self._body_follows = message.get(b"Seq") == self._subscription
        elif not answer.done():
            error = message.get(b"Error", b"")
            if error:
                answer.set_exception(SerfFailed(f"the agent refuses: {bytes(error).decode(errors='replace')}"))
            else:
                answer.set_result(None)

    def abandon(self) -> None:
        """Give the connection up; `read` then ends."""
        self._writer.transport.abort()

    async def introduce(self, token: Secret) -> None:
        """Agree on the protocol, identify with the token unless it is empty, and subscribe to our events."""
        await self.ask("handshake", {"Version": PROTOCOL_VERSION})
        if token:
            await self.ask("auth", {"AuthKey": token.reveal()})
        self._subscription = self._sequence + 1
        await self.ask("stream", {"Type": f"user:{EVENT_NAME}"})


@asynccontextmanager
async def connected(host: str, port: int) -> AsyncIterator[SerfConnection]:
    """Connect to an agent, and disconnect on leaving. Raises SerfFailed when nobody is there."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
    except TimeoutError as err:
        raise SerfFailed(f"the agent at {host}:{port} cannot be reached in time") from err
    except OSError as err:
        raise SerfFailed(f"the agent at {host}:{port} cannot be reached: {err.strerror or err}") from err
    try:
        _keep_alive(writer)
        yield SerfConnection(reader, writer)
    finally:
        writer.close()


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    """Have the kernel notice a dead peer within about half a minute."""
    sock = writer.get_extra_info("socket")
    if sock is not None and hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


BYTES_MAX = 400  # serf carries 512 bytes per event, its own frame and the name included
RETRY_FIRST_SECONDS = 0.1
RETRY_MOST_SECONDS = 5.0
PROBE_SECONDS = 5.0  # who only listens would not notice otherwise that the agent is stuck


class SerfTransport:
    """Talks to the agent of this host, and connects again whenever that was lost."""

    name = "gossip"
    bytes_max = BYTES_MAX

    def __init__(self, host: str, port: int, *, token: Secret, trouble: Callable[[], str] = lambda: "") -> None:
        """Prepare; nothing is opened yet.

        Args:
            host: Where the agent answers commands.
            port: The same.
            token: What the agent wants to be shown; may be empty.
            trouble: Asked why the agent is not there; an empty answer leaves the reason that was found here.
        """
        self._host = host
        self._port = port
        self._token = token
        self._trouble = trouble
        self._connection: SerfConnection | None = None

    async def run(self, events: TransportEvents) -> None:
        """Keep subscribed until cancelled."""
        wait = RETRY_FIRST_SECONDS
        while True:
            try:
                async with connected(self._host, self._port) as connection:
                    await self._serve(connection, events)
            except SerfFailed as err:
                wait = RETRY_FIRST_SECONDS if self._connection is not None else min(wait * 2, RETRY_MOST_SECONDS)
                self._connection = None
                events.went_down(self._trouble() or str(err))
            await asyncio.sleep(wait)

    async def send(self, message: bytes) -> None:
        """Broadcast one message. Raises TransportDown when the agent did not take it."""
        connection = self._connection
        if connection is None:
            raise TransportDown("not connected to the agent")
        try:
            await connection.send_event(message)
        except SerfFailed as err:
            connection.abandon()
            raise TransportDown(str(err)) from err

    async def _serve(self, connection: SerfConnection, events: TransportEvents) -> None:
        tasks = [asyncio.create_task(connection.read(events.received), name="invalidation.gossip.read")]
        try:
            await connection.introduce(self._token)
            self._connection = connection
            events.went_up()
            tasks.append(asyncio.create_task(_probe(connection), name="invalidation.gossip.probe"))
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _probe(connection: SerfConnection) -> None:
    """Ask the agent now and then, until it does not answer. Raises SerfFailed."""
    while True:
        await asyncio.sleep(PROBE_SECONDS)
        await connection.probe()
