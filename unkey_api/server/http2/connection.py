"""One socket on the HTTP/2 port."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.events import Closed, RawData, Updated
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr

from unkey_api.server.http2.streams import ANY_STREAM, Streams
from unkey_api.server.turns import Share
from unkey_api.settings.limits import LimitSettings

READ_BYTES = 16_384  # at once


class Connection(TCPServer):
    """One HTTP/2 connection; hypercorn's own but for how it reads, writes and waits."""

    def __init__(
        self,
        share: Share,
        limits: LimitSettings,
        ended: Callable[[str], None],
        *arguments: Any,  # those of hypercorn's class, untouched
    ) -> None:
        """`ended` is told why, each time a connection is ended from this side."""
        super().__init__(*arguments)
        self._share = share
        self._limits = limits
        self._ended = ended
        self._outgoing: list[bytes] = []
        self._written = 0
        self._idle_since = self.loop.time()
        self._backlog_since: float | None = None
        self._taken_before = 0
        self._closing_since: float | None = None
        self.streams: Streams | None = None
        """None until it is being read from."""
        self._parting = False

    async def run(self) -> None:
        """Serve until either side closes."""
        try:
            async with TaskGroup(self.loop) as tasks:
                self._task_group = tasks
                self.protocol = self.streams = self._make_streams(tasks)  # type: ignore[assignment]  # it has the same methods
                await self.streams.initiate()
                if self._parting:
                    await self.begin_drain()
                await self._read_data()
        except OSError:
            pass
        finally:
            await self._close()

    def _make_streams(self, tasks: TaskGroup) -> Streams:
        sock = self.writer.get_extra_info("socket")
        return Streams(
            self._share,
            self._limits,
            self.app,
            self.config,
            self.context,
            tasks,
            ConnectionState(self.state),
            self.writer.get_extra_info("ssl_object") is not None,
            parse_socket_addr(sock.family, sock.getpeername()),
            parse_socket_addr(sock.family, sock.getsockname()),
            self.protocol_send,
        )

    async def _read_data(self) -> None:
        while not self.reader.at_eof():
            try:
                data = await self.reader.read(READ_BYTES)
            except OSError:
                break
            await self._take(data)
            if self.streams is not None and self.streams.broken:
                self._ended(self.streams.reason)
                break
            await asyncio.sleep(0)
        await self.protocol.handle(Closed())

    async def _take(self, data: bytes) -> None:
        """Deal with what was read, a few frames at a time, whenever it is this client's turn."""
        streams = self.streams
        while streams is not None and not streams.broken:
            await self._share.turn()
            await streams.handle(RawData(data))
            if not streams.behind:
                return
            data = b""

    async def protocol_send(self, event: Any) -> None:
        """Send what the protocol made, together with everything else of this turn of the loop.

        An answer is three pieces, and a system call for each of them would be a fifth of what a request costs.
        """
        if isinstance(event, Updated):
            self._idle_since = self.loop.time()
        elif not isinstance(event, RawData):
            await super().protocol_send(event)
        else:
            if not self._outgoing:
                self.loop.call_soon(self._write_out)
            self._outgoing.append(event.data)
            try:
                await self.writer.drain()
            except (ConnectionError, RuntimeError):
                await self.protocol.handle(Closed())

    def _write_out(self) -> None:
        data, self._outgoing = b"".join(self._outgoing), []
        if data:
            self._written += len(data)
            with contextlib.suppress(ConnectionError, RuntimeError):  # reading tells that it is closed
                self.writer.write(data)

    async def _close(self) -> None:
        self._closing_since = self._closing_since or self.loop.time()
        self._write_out()
        await super()._close()

    async def _initiate_server_close(self) -> None:
        await self.protocol.handle(Closed())
        self._write_out()
        self._closing_since = self._closing_since or self.loop.time()
        self.writer.close()

    @property
    def done(self) -> bool:
        """Whether it waits for nothing but another request."""
        return self._closing_since is None and self.streams is not None and self.streams.done

    async def begin_drain(self) -> None:
        """Tell the client to go; its requests are still answered."""
        self._parting = True
        if self.streams is not None:
            await self.streams.send_goaway(ANY_STREAM)

    async def close(self) -> None:
        """Close it; for one that is done."""
        await self._initiate_server_close()

    def abort(self) -> None:
        """Cut it, whatever is still on its way."""
        self.writer.transport.abort()

    async def check(self, now: float) -> None:
        """End what its client keeps open without use. Called about once a second."""
        reason = self._why_stuck(now)
        if reason:
            self._ended(reason)
            self.abort()
            return
        streams = self.streams
        if streams is None or self._closing_since is not None:
            return
        await streams.check(now)
        if streams.leaving and streams.done:
            self._ended(streams.reason)
            await self.close()
        elif streams.done and now - self._idle_since > self._limits.idle_timeout.total_seconds():
            self._ended("idle")
            await streams.refuse_further()
            await self.close()

    def _why_stuck(self, now: float) -> str:
        """Say why nothing can come of it any more; empty text when something can."""
        if self._closing_since is not None and now - self._closing_since > self._limits.head_timeout.total_seconds():
            return "unread"
        if self.streams is not None and self.streams.waits_in_vain(now):
            return "silent"
        return "unread" if self._reads_too_slowly(now) else ""

    def _reads_too_slowly(self, now: float) -> bool:
        waiting = self.writer.transport.get_write_buffer_size()
        taken = self._written - waiting
        if not waiting:
            self._backlog_since = None
            return False
        if self._backlog_since is None:
            self._backlog_since, self._taken_before = now, taken
        seconds = now - self._backlog_since
        least = seconds * self._limits.body_bytes_per_second
        return seconds > self._limits.send_timeout.total_seconds() and taken - self._taken_before < least
