"""The proxy does what fault tests rely on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.proxy import Proxy, proxy_to
from tests.support.waiting import eventually, settle


@asynccontextmanager
async def proxied_echo() -> AsyncIterator[Proxy]:
    """A proxy in front of a server that sends everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(65_536):
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, proxy_to("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


@asynccontextmanager
async def client_of(proxy: Proxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], text: bytes) -> bytes:
    reader, writer = streams
    writer.write(text)
    return await reader.readexactly(len(text))


async def test_bytes_pass_in_both_directions_and_the_end_does_too() -> None:
    async with proxied_echo() as proxy, client_of(proxy) as streams:
        large = bytes(range(256)) * 4_000
        assert await ask(streams, large) == large
        streams[1].write_eof()
        assert await streams[0].read() == b""
        await eventually(lambda: proxy.open_links == 0)


async def test_delay_holds_every_piece_back_in_each_direction() -> None:
    async with proxied_echo() as proxy, client_of(proxy) as streams:
        proxy.delay_seconds = 0.05
        began = time.monotonic()
        assert await ask(streams, b"hello") == b"hello"
        assert time.monotonic() - began >= 0.1


async def test_throttle_bounds_the_throughput() -> None:
    async with proxied_echo() as proxy, client_of(proxy) as streams:
        proxy.bytes_per_second = 100_000
        began = time.monotonic()
        await ask(streams, bytes(10_000))
        assert time.monotonic() - began >= 0.1


async def test_cut_resets_open_connections_and_lets_new_ones_in() -> None:
    async with proxied_echo() as proxy:
        async with client_of(proxy) as streams:
            await ask(streams, b"before")
            proxy.cut()
            with pytest.raises(ConnectionResetError):
                await streams[0].read(1)
        await eventually(lambda: proxy.open_links == 0)
        async with client_of(proxy) as streams:
            assert await ask(streams, b"after") == b"after"


async def test_refusal_keeps_open_connections_and_ends_with_listen() -> None:
    async with proxied_echo() as proxy, client_of(proxy) as streams:
        await ask(streams, b"open")
        port = proxy.port
        await proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        assert await ask(streams, b"still") == b"still"
        await proxy.listen()
        assert proxy.port == port
        async with client_of(proxy) as others:
            assert await ask(others, b"again") == b"again"


async def test_freeze_keeps_everything_open_and_silent_until_thaw() -> None:
    async with proxied_echo() as proxy, client_of(proxy) as streams:
        await ask(streams, b"flows")
        proxy.freeze()
        answer = asyncio.ensure_future(ask(streams, b"held"))
        async with client_of(proxy) as others:
            late = asyncio.ensure_future(ask(others, b"late"))
            await eventually(lambda: proxy.open_links == 2)
            await settle(100)
            assert not answer.done()
            assert not late.done()
            proxy.thaw()
            assert await answer == b"held"
            assert await late == b"late"


async def test_a_server_that_is_away_looks_like_a_reset() -> None:
    async with proxied_echo() as gone:
        port = gone.port
        await gone.refuse()
        async with proxy_to("127.0.0.1", port) as proxy, client_of(proxy) as streams:
            with pytest.raises(ConnectionResetError):
                await streams[0].readexactly(1)


async def test_leaving_breaks_what_is_open() -> None:
    async with proxied_echo() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        await eventually(lambda: proxy.open_links == 1)
    with pytest.raises(ConnectionResetError):
        await reader.read(1)
    writer.close()
