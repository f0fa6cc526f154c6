"""Messages between all hosts, as events of a serf cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from unkey_api.core.secret import Secret
from unkey_api.infra.invalidation.ports import TransportDown, TransportEvents
from unkey_api.infra.invalidation.serf_rpc import SerfConnection, SerfFailed, connected

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
