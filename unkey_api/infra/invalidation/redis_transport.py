"""Messages between processes that share a Redis."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from coredis.connection import BaseConnection
from coredis.exceptions import RedisError

from unkey_api.infra.invalidation.ports import TransportDown, TransportEvents
from unkey_api.infra.redis.reconnecting import ReconnectingConnection, RedisUnavailable

TOPIC = "unkey:cache:invalidations:v1"
BYTES_MAX = 64 * 1024  # larger ones would hold up the counters in Redis' single thread
SEND_SECONDS = 1.0
PROBE_SECONDS = 10.0  # a peer that died without a word is noticed after this and the time of one command
RETRY_SECONDS = 0.1


class RedisTransport:
    """Publish and subscribe over one connection that comes back by itself. It is used for nothing else.

    One connection is enough: with protocol version 3 messages are told from answers.
    """

    name = "redis"
    bytes_max = BYTES_MAX

    def __init__(self, url: str) -> None:
        """Parse `url`; nothing is opened yet. Raises ValueError for a text that is no Redis URL."""
        self._reconnecting = ReconnectingConnection(url)

    async def run(self, events: TransportEvents) -> None:
        """Keep subscribed until cancelled."""
        self._reconnecting.start()
        try:
            while True:
                if not await self._reconnecting.wait_up(PROBE_SECONDS):
                    events.went_down("redis cannot be reached")
                    continue
                try:
                    await self._listen(self._reconnecting.connection, events)
                except TimeoutError:
                    events.went_down("redis does not allow the subscription")
                    await asyncio.sleep(PROBE_SECONDS)
                except (RedisError, RedisUnavailable) as err:
                    events.went_down(str(err) or "the connection was lost")
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            await self._reconnecting.close()

    async def send(self, message: bytes) -> None:
        """Send one message. Raises TransportDown when Redis did not take it."""
        try:
            connection = self._reconnecting.connection
        except RedisUnavailable as err:
            raise TransportDown(str(err)) from err
        try:
            await self._ask(b"PUBLISH", TOPIC, message)
        except (RedisError, RedisUnavailable, TimeoutError) as err:
            self._reconnecting.drop(connection)  # subscribing anew is what tells that it works again
            raise TransportDown(str(err) or "redis did not answer") from err

    async def _listen(self, connection: BaseConnection, events: TransportEvents) -> None:
        connection.send_command(b"SUBSCRIBE", TOPIC)
        probing = asyncio.create_task(self._probe(), name="invalidation.redis.probe")
        try:
            async with aclosing(connection.push_messages) as pushes, asyncio.timeout(SEND_SECONDS) as limit:
                async for push in pushes:
                    match push:
                        case [b"subscribe", *_]:
                            limit.reschedule(None)
                            events.went_up()
                        case [b"message", _, bytes(message)]:
                            events.received(message)
        finally:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)

    async def _probe(self) -> None:
        """Give the connection up when it stops answering; the listener then sees its end."""
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            connection = self._reconnecting.connection
            try:
                await self._ask(b"PING")
            except TimeoutError:
                self._reconnecting.drop(connection)

    async def _ask(self, command: bytes, *arguments: str | bytes) -> None:
        await self._reconnecting.connection.create_request(command, *arguments, decode=False, timeout=SEND_SECONDS)
