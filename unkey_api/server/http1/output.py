"""What goes out on a connection, and whether the caller reads it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unkey_api.server.http1.connections import Connections

TOGETHER_BYTES = 65_536  # answers kept for the end of the turn
FAR = float("inf")


class Output:
    """The outgoing half of a connection."""

    __slots__ = (
        "_bytes",
        "_closed",
        "_pieces",
        "_relief",
        "_shared",
        "_transport",
        "_unread_bytes",
        "congested",
        "deadline",
    )

    def __init__(self, shared: Connections, transport: asyncio.Transport) -> None:
        self._shared = shared
        self._transport = transport
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._unread_bytes = 0
        self._relief: asyncio.Event | None = None
        self._closed = False
        self.congested = False
        """Whether answers pile up because the caller does not read."""
        self.deadline = FAR
        """When the caller must have read something."""

    @property
    def unread(self) -> bool:
        """Whether something was written that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size() > 0

    def write(self, data: bytes) -> None:
        """Send, at the end of this turn of the loop or once enough has come together. Ignored once closed."""
        if self._closed:
            return
        if not self._pieces:
            self._shared.enqueue(self)
        self._pieces.append(data)
        self._bytes += len(data)
        if self._bytes > TOGETHER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits to be written."""
        pieces = self._pieces
        if pieces:
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self._bytes = 0
            if not self._transport.is_closing():
                self._transport.write(data)

    def pause(self) -> None:
        """Note that the caller does not read."""
        self.congested = True
        self.watch()

    def resume(self) -> None:
        """Note that the caller has read."""
        self.congested = False
        self.deadline = FAR
        self._relieve()

    async def until_read(self) -> None:
        """Return once the caller has read enough for more, or has left."""
        if self._relief is None:
            self._relief = asyncio.Event()
        while self.congested and not self._closed:
            self._relief.clear()
            await self._relief.wait()

    def watch(self) -> None:
        """Give the caller time to read a part of what was written."""
        if self.deadline == FAR:
            self._unread_bytes = self._transport.get_write_buffer_size()
            if self._unread_bytes:
                self.deadline = self._shared.now + self._shared.bounds.send_seconds

    def is_stuck(self) -> bool:
        """Say, when the time is over, whether the caller has read next to nothing; if not, it has that time again."""
        bounds = self._shared.bounds
        unread = self._transport.get_write_buffer_size()
        if unread and self._unread_bytes - unread < bounds.body_bytes_per_second * bounds.send_seconds:
            return True
        self.deadline = FAR
        self.watch()
        return False

    def close(self) -> None:
        """Let go of what nobody will read."""
        self._closed = True
        self.deadline = FAR
        self._pieces.clear()
        self._relieve()

    def _relieve(self) -> None:
        if self._relief is not None:
            self._relief.set()
