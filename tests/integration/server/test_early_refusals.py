"""What the HTTP/1.1 layer itself refuses of requests to the service, in the form of the surface they were meant for."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from tests.support.harness import Harness
from unkey_api.server.http1.listener import Http1Listener
from unkey_api.server.sockets import bind_workers
from unkey_api.settings.limits import LimitSettings

pytestmark = pytest.mark.integration

SECOND = timedelta(seconds=1)
HEAD = b"POST /v2/apis.getApi HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
REFUSED = {
    "a body that stops": (HEAD + b'Content-Length: 9\r\n\r\n{"a', 408, "request_timeout"),
    "a body in chunks that are none": (HEAD + CHUNKED + b"zz\r\n", 400, "invalid_input"),
    "chunks that are no body": (HEAD + CHUNKED + b"1;" + b"a" * 40_000, 400, "invalid_input"),
    "a head that stops": (HEAD, 408, "request_timeout"),
    "a head that is too large": (HEAD + b"X: " + b"a" * 40_000, 431, "invalid_input"),
    "too many fields": (HEAD + b"A: b\r\n" * 200 + b"\r\n", 431, "invalid_input"),
    "a field that is none": (HEAD + b"no field\r\n\r\n", 400, "invalid_input"),
    "two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "invalid_input"),
    "a coding nobody knows": (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501, "invalid_input"),
    "an expectation nobody knows": (HEAD + b"Expect: miracles\r\n\r\n", 417, "invalid_input"),
}
PLAIN = {
    "no path yet": (b"POST /v2/apis.ge", 408),
    "a path of no surface": (b"POST /elsewhere HTTP/1.1\r\nHost: test\r\n", 408),
    "no HTTP": (b"\x16\x03\x01\r\n\r\n", 400),
}


@asynccontextmanager
async def asking(
    api: Harness, sent: bytes, **limits: Any
) -> AsyncIterator[tuple[int, dict[str, str], bytes]]:  # Any: of each setting
    """Send bytes to the service and read until it closes."""
    [sockets] = bind_workers("127.0.0.1", http_port=0, http2_port=0, workers=1)
    listener = Http1Listener(
        api.app, sockets.http1, budget=2 * SECOND, tls=None, limits=LimitSettings(head_timeout=SECOND, **limits)
    )
    listener.form = api.app.refused
    await listener.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", sockets.http1.getsockname()[1])
        writer.write(sent)
        async with asyncio.timeout(20):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        status, *lines = head.decode().split("\r\n")
        yield int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body
    finally:
        await listener.drain()


@pytest.mark.parametrize("kind", REFUSED)
async def test_an_operation_answers_as_operations_do(api: Harness, kind: str) -> None:
    sent, expected, code = REFUSED[kind]
    async with asking(api, sent) as (status, headers, body):
        assert (status, headers["content-type"], headers["connection"]) == (expected, "application/json", "close")
        told = json.loads(body)
        assert re.fullmatch(r"req_\w+", told["meta"]["requestId"])
        error = told["error"]
        assert error["status"] == expected
        assert error["type"].endswith(f"/{code}")
        assert error["title"]
        assert error["detail"]
        assert ("errors" in error) == (expected in (400, 408))


@pytest.mark.parametrize("kind", PLAIN)
async def test_what_is_for_nobody_is_told_in_plain_text(api: Harness, kind: str) -> None:
    sent, expected = PLAIN[kind]
    async with asking(api, sent) as (status, headers, body):
        assert (status, headers["content-type"]) == (expected, "text/plain; charset=utf-8")
        assert body.endswith(b".\n")


async def test_a_request_that_was_begun_keeps_its_id(api: Harness) -> None:
    """The line about it can be found by what its caller was told."""
    ids: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
        try:
            await api.app(scope, receive, send)
        finally:
            ids.append(scope["unkey.request_id"])

    app.refused = api.app.refused  # type: ignore[attr-defined]  # as the application has it
    watched = Harness(app, api.database, api.clock, api.statements, api.commands)
    sent, _, _ = REFUSED["a body that stops"]
    async with asking(watched, sent) as (_, _, body):
        told = json.loads(body)["meta"]["requestId"]
    assert ids == [told]
