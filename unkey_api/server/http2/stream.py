"""One request on its way to the application, and its answer until the client takes it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol
from urllib.parse import unquote

from hypercorn.protocol.events import Event, StreamClosed
from hypercorn.protocol.h2 import BufferCompleteError, StreamBuffer
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.typing import ConnectionState

from unkey_api.server.http2.heads import Head


class Owner(Protocol):
    """The connection of a stream, as far as the stream has to do with it."""

    # Any: hypercorn's own, which a stream only hands on to it
    app: Any
    config: Any
    context: Any
    task_group: Any
    ssl: bool
    client: Any
    server: Any
    unread: int
    """Bytes of bodies that the applications of all streams have not read."""

    async def stream_send(self, event: Event) -> None:
        """Send what a stream has to say."""
        ...

    async def took(self, stream_id: int, size: int) -> None:
        """Let the client send as much again as an application has read."""
        ...


class Outgoing(StreamBuffer):
    """The answer of one stream until the client takes it. Keeps what the application gave, never a copy."""

    def __init__(self, event_class: Any) -> None:  # hypercorn's own event
        super().__init__(event_class)
        self._parts: deque[memoryview] = deque()
        self.waiting = 0
        """Bytes not sent yet."""
        self.sent = 0
        """Bytes sent since it last had none waiting."""
        self.since = 0.0
        """When it last had none waiting; kept by the connection."""

    @property
    def complete(self) -> bool:
        """Whether everything is out."""
        return self._complete and not self.waiting

    async def close(self) -> None:
        """Forget what is left."""
        self._parts.clear()
        self.waiting = 0
        await super().close()

    async def push(self, data: bytes) -> None:
        """Take a part of the body and return once it has been sent. Raises `BufferCompleteError` after the end."""
        if self._complete:
            raise BufferCompleteError
        if not data:
            return
        self._parts.append(memoryview(data))
        self.waiting += len(data)
        await self._is_empty.clear()
        await self._is_empty.wait()

    async def pop(self, max_length: int) -> bytes:
        """Return up to that much for the next frame."""
        if not self._parts:
            await self._is_empty.set()
        if not self._parts or max_length <= 0:
            return b""
        first = self._parts.popleft()
        data = bytes(first[:max_length])
        if len(first) > max_length:
            self._parts.appendleft(first[max_length:])
        self.waiting -= len(data)
        self.sent += len(data)
        if not self.waiting:
            self.sent = 0
            await self._is_empty.set()
        return data


class Stream(HTTPStream):
    """One request. Its body waits here, within the window of the stream, until the application asks for it."""

    def __init__(self, owner: Owner, stream_id: int, began: float) -> None:
        super().__init__(
            owner.app,
            owner.config,
            owner.context,
            owner.task_group,
            owner.ssl,
            owner.client,
            owner.server,
            owner.stream_send,
            stream_id,
        )
        self._owner = owner
        self._body = bytearray()
        self._told_end = False
        self._waker: asyncio.Future[None] | None = None
        self.ended = False
        """Whether the body is complete."""
        self.began = began
        """When the head had arrived, moved on by the time the client was kept waiting."""
        self.received = 0
        """Bytes of the body so far."""

    @property
    def unread(self) -> int:
        """Bytes the application has not asked for."""
        return len(self._body)

    @property
    def unanswered(self) -> bool:
        """Whether the answer has not begun."""
        return self.state is ASGIHTTPState.REQUEST

    async def start(self, head: Head) -> None:
        """Hand the request to the application, in a task of its own."""
        self.start_time = self.began
        self.scope = {
            "type": "http",
            "http_version": "2",
            "asgi": {"spec_version": "2.1", "version": "3.0"},
            "method": head.method,
            "scheme": self.scheme,
            "path": unquote(head.path.decode("ascii")),
            "raw_path": head.path,
            "query_string": head.query,
            "root_path": "",
            "headers": head.fields,
            "client": self.client,
            "server": self.server,
            "state": ConnectionState({}),
            "extensions": {"http.response.trailers": {}},
        }
        self._owner.task_group.spawn(self._run)

    async def _run(self) -> None:
        if self.closed:  # cancelled in the same breath: nothing was begun, and nothing has to be told to anybody
            return
        try:
            await self.app(self.scope, self.receive, self.app_send, None, None)  # type: ignore[arg-type]  # no threads
        except Exception:  # noqa: BLE001 - the edge has reported it
            await self.config.log.exception("an application failed while it answered over HTTP/2")
        finally:
            await self.app_send(None)

    def feed(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._body += data
        self._owner.unread += len(data)
        self.received += len(data)
        self._wake()

    def end(self) -> None:
        """Note that the body is complete."""
        self.ended = True
        self._wake()

    def leave(self) -> None:
        """Note that the request is over, answered or not."""
        self.closed = True
        self._owner.unread -= len(self._body)
        self._body.clear()
        self._wake()

    def _wake(self) -> None:
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    async def receive(self) -> Any:  # an event of ASGI
        """Return the next piece of the body, or wait for the end of the request."""
        while not self.closed:
            if self._body or (self.ended and not self._told_end):
                data = bytes(self._body)
                self._body.clear()
                self._told_end = self.ended
                self._owner.unread -= len(data)
                await self._owner.took(self.stream_id, len(data))
                return {"type": "http.request", "body": data, "more_body": not self._told_end}
            self._waker = asyncio.get_running_loop().create_future()
            await self._waker
        return {"type": "http.disconnect"}

    async def handle(self, event: Event) -> None:
        """Take hypercorn's word that the stream is over; everything else comes by the methods above."""
        if isinstance(event, StreamClosed):
            self.leave()
