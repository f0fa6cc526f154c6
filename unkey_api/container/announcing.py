"""Having running servers hear at once what a command changed.

They read it in the log of changes anyway, a moment later; so nothing here can fail a command, or hold it for long. What
it takes is loaded only when there is something to tell: most commands only look, and start twice as fast without.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from unkey_api.core.changes import Change, LoggedChange
from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.infra.invalidation.ports import Invalidation, Transport, TransportDown
from unkey_api.infra.mysql import Database
from unkey_api.settings.sections import SUPERVISED_AGENT, GossipSettings, Settings

UP_SECONDS = 1.0  # what each way gets to connect
SEND_SECONDS = 2.0
NAMED_MAX = 1_000  # changes named one by one; of a larger import only the place in the log is told


class _Told:
    """What a command changed, as much of it as is worth a message."""

    def __init__(self) -> None:
        self.heads: dict[int, int] = {}
        self._changes: list[Change] = []
        self._count = 0

    def __call__(self, logged: Sequence[LoggedChange], /) -> None:
        for each in logged:
            self.heads[each.lane] = max(each.revision, self.heads.get(each.lane, 0))
            self._count += 1
            if self._count <= NAMED_MAX:
                self._changes.append(each.change)

    @property
    def entries(self) -> list[Invalidation]:
        """What no longer holds; none when it is too much to say."""
        from unkey_api.container.revocation import drops_of  # noqa: PLC0415 - only when there is something to tell

        changes = self._changes if self._count <= NAMED_MAX else []
        return list(dict.fromkeys(drop for change in changes for drop in drops_of(change)))


class _Up:
    """Waits for a transport. Satisfies `TransportEvents`."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def received(self, message: bytes) -> None:
        """Nothing here is cached."""

    def went_up(self) -> None:
        """Go on."""
        self.event.set()

    def went_down(self, why: str) -> None:
        """Others may be up."""


@asynccontextmanager
async def announcing(settings: Settings, database: Database, *, clock: Clock, ids: IdSource) -> AsyncIterator[None]:
    """Tell running servers, over the first way that works, what transactions in the block committed."""
    told = _Told()
    end = database.listen(told)
    try:
        yield
    finally:
        end()
        if told.heads:
            await _tell(settings, told, clock, ids)


async def _tell(settings: Settings, told: _Told, clock: Clock, ids: IdSource) -> None:
    from unkey_api.infra.invalidation.wire import encode  # noqa: PLC0415 - the same

    origin, now_ms = ids.new(IdPrefix.INSTANCE), clock.now_ms()
    entries = told.entries
    for transport in _transports(settings):
        messages = encode(entries, heads=told.heads, origin=origin, changed_at_ms=now_ms, bytes_max=transport.bytes_max)
        if await _sent(transport, [message.data for message in messages if message.data]):
            return


async def _sent(transport: Transport, messages: Sequence[bytes]) -> bool:
    up = _Up()
    running = asyncio.create_task(transport.run(up), name=f"announcing.{transport.name}")
    try:
        async with asyncio.timeout(UP_SECONDS):
            await up.event.wait()
        async with asyncio.timeout(SEND_SECONDS):
            for message in messages:
                await transport.send(message)
    except (TransportDown, TimeoutError):
        return False
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return True


def _transports(settings: Settings) -> Iterator[Transport]:
    from unkey_api.infra.invalidation.redis_transport import RedisTransport  # noqa: PLC0415 - the same

    if settings.gossip is not None:
        yield _gossip(settings.gossip)
    yield RedisTransport(settings.redis_url.reveal())


def _gossip(gossip: GossipSettings) -> Transport:
    """Talk to the agent of this host, as its workers do."""
    from unkey_api.infra.invalidation.serf_agent import rpc_token  # noqa: PLC0415 - the same
    from unkey_api.infra.invalidation.serf_transport import SerfTransport  # noqa: PLC0415 - the same

    rpc = urlsplit(f"//{gossip.agent_rpc_address}")
    supervised = gossip.agent == SUPERVISED_AGENT
    token = rpc_token(gossip.secret_key) if supervised else gossip.agent_rpc_auth
    return SerfTransport(rpc.hostname or "", rpc.port or 0, token=token)
