"""Frames, streams and gRPC messages on the HTTP/2 port."""

from __future__ import annotations

import asyncio
import secrets
import struct

from hpack import Encoder
from hyperframe.frame import PingFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame

from tests.attack.bodies import BOMB
from tests.attack.registry import HOST, SOURCE, Target, attack
from tests.support.raw_http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    PRIORITY,
    RawHttp2,
    head_frames,
    raw_frame,
    request_fields,
)

FLOODS = "HTTP/2 floods"
BLOCKS = "HTTP/2 header blocks"
BAD = "HTTP/2 bad heads"
SILENCE = "HTTP/2 silence"
READERS = "HTTP/2 slow readers"
GRPC = "gRPC"
HOLD_SECONDS = 1.0
VERIFY = b"/unkey.keys.v2.KeysService/VerifyKey"
LARGE = b"/openapi.json"


def _large_blocks() -> list[bytes]:
    """Return the first blocks of a connection, each of which takes long to unfold."""
    encoder = Encoder()
    return [encoder.encode(request_fields(VERIFY, (b"x", secrets.token_hex(30_000).encode()))) for _ in range(5)]


LARGE_BLOCKS = _large_blocks()


async def _flood(target: Target, frame: bytes, number: int = 3_000) -> None:
    async with target.http2() as connection:
        connection.write(frame * number)
        await connection.flush()
        await connection.until(lambda: connection.closed or connection.goaway is not None, within=HOLD_SECONDS)


@attack(FLOODS)
async def streams_opened_and_reset(target: Target) -> None:
    async with target.http2() as connection:
        for _ in range(1_000):
            stream = connection.head(request_fields(VERIFY))
            connection.write(RstStreamFrame(stream, error_code=8).serialize())
        await connection.flush()
        await connection.until(lambda: connection.closed or connection.goaway is not None, within=HOLD_SECONDS)


@attack(FLOODS)
async def resets_provoked(target: Target) -> None:
    async with target.http2() as connection:
        for _ in range(1_000):
            stream = connection.head(request_fields(VERIFY), end=False)
            connection.write(WindowUpdateFrame(stream, 2**31 - 1).serialize())
        await connection.flush()
        await connection.until(lambda: connection.closed or connection.goaway is not None, within=HOLD_SECONDS)


@attack(FLOODS)
async def more_streams_than_allowed(target: Target) -> None:
    async with target.http2() as connection:
        for _ in range(1_000):
            connection.head(request_fields(VERIFY), end=False)
        await connection.flush()
        await connection.until(lambda: connection.closed or connection.goaway is not None, within=HOLD_SECONDS)


@attack(FLOODS)
async def pings(target: Target) -> None:
    await _flood(target, PingFrame(0, opaque_data=b"12345678").serialize())


@attack(FLOODS)
async def settings(target: Target) -> None:
    await _flood(target, SettingsFrame(0, settings={4: 65_535}).serialize())


@attack(FLOODS)
async def priorities(target: Target) -> None:
    await _flood(
        target, b"".join(raw_frame(PRIORITY, 0, n, struct.pack(">IB", n - 2, 1)) for n in range(3, 2_003, 2)), 4
    )


@attack(FLOODS)
async def window_updates(target: Target) -> None:
    await _flood(target, WindowUpdateFrame(0, 1).serialize())


@attack(FLOODS)
async def data_of_no_bytes(target: Target) -> None:
    async with target.http2() as connection:
        stream = connection.head(request_fields(VERIFY), end=False)
        connection.write(raw_frame(DATA, 0, stream, b"") * 5_000)
        await connection.until(lambda: connection.closed or connection.goaway is not None, within=HOLD_SECONDS)


@attack(FLOODS)
async def data_of_one_byte(target: Target) -> None:
    async with target.http2() as connection:
        stream = connection.head(request_fields(VERIFY), end=False)
        connection.write(raw_frame(DATA, 0, stream, b"x") * 5_000)
        await connection.until(lambda: connection.closed or connection.goaway is not None, within=HOLD_SECONDS)


@attack(FLOODS)
async def unknown_settings(target: Target) -> None:
    entries = b"".join(struct.pack(">HI", code, 1) for code in range(0x100, 0x100 + 2_700))
    await _flood(target, raw_frame(4, 0, 0, entries), 100)


@attack(BLOCKS)
async def a_block_that_unfolds(target: Target) -> None:
    async with target.http2() as connection:
        block = connection.encoder.encode([*request_fields(), (b"x", b"a" * 3_900)]) + b"\xbe" * 12_000
        connection.write(raw_frame(HEADERS, END_HEADERS | END_STREAM, 1, block))
        await connection.until(lambda: connection.closed, within=HOLD_SECONDS)


@attack(BLOCKS)
async def continuations_without_end(target: Target) -> None:
    async with target.http2() as connection:
        connection.write(
            raw_frame(HEADERS, 0, 1, b"\x82"), raw_frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 2_000) * 500
        )
        await connection.until(lambda: connection.closed, within=HOLD_SECONDS)


@attack(BLOCKS)
async def sizes_of_tables(target: Target) -> None:
    async with target.http2() as connection:
        connection.write(raw_frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x20" * 16_000))
        await connection.until(lambda: connection.closed, within=HOLD_SECONDS)


@attack(BLOCKS)
async def heads_of_60_kB(target: Target) -> None:
    async with target.http2() as connection:
        for block in LARGE_BLOCKS:
            stream = connection.new_stream()
            connection.write(*head_frames(stream, block, end=True))
        await connection.answer(stream, within=HOLD_SECONDS)


@attack(BAD)
async def raw_bytes_in_paths_and_methods(target: Target) -> None:
    async with target.http2() as connection:
        streams = [connection.head(request_fields("/ä".encode() * n)) for n in range(1, 40)]
        streams += [connection.head(request_fields(VERIFY, method=b"P\xd6ST")) for _ in range(40)]
        await connection.answer(streams[-1], within=HOLD_SECONDS)


@attack(BAD)
async def methods_of_HTTP_2_made_up(target: Target) -> None:
    async with target.http2() as connection:
        for _ in range(20):
            names = [secrets.token_hex(8).upper().encode() for _ in range(20)]
            streams = [connection.head(request_fields(b"/nope", method=name)) for name in names]
            await connection.answer(streams[-1], within=HOLD_SECONDS)


@attack(BAD)
async def procedures_made_up(target: Target) -> None:
    async with target.http2() as connection:
        for _ in range(20):
            fields = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
            paths = [b"/unkey.%s/%s" % (secrets.token_hex(6).encode(), b"N" * 5_000) for _ in range(20)]
            streams = [connection.head(request_fields(path, *fields)) for path in paths]
            await connection.answer(streams[-1], within=HOLD_SECONDS)


@attack(SILENCE, at_once=20)
async def streams_that_never_end(target: Target) -> None:
    async with target.http2() as connection:
        for _ in range(100):
            connection.head(request_fields(VERIFY), end=False)
        await connection.flush()
        await asyncio.sleep(HOLD_SECONDS)


@attack(SILENCE, at_once=20)
async def bodies_nobody_asked_for(target: Target) -> None:
    async with target.http2() as connection:
        for _ in range(60):
            stream = connection.head(request_fields(VERIFY), end=False)
            connection.data(stream, b" " * 60_000, end=False)
        await connection.flush()
        await asyncio.sleep(HOLD_SECONDS)


@attack(SILENCE, at_once=50)
async def half_a_preface(target: Target) -> None:
    reader, writer = await asyncio.open_connection(HOST, target.http2_port, local_addr=(SOURCE, 0))
    writer.write(PREFACE[:20])
    await asyncio.sleep(HOLD_SECONDS)
    writer.transport.abort()
    del reader


@attack(SILENCE, at_once=20)
async def half_a_block(target: Target) -> None:
    async with target.http2() as connection:
        connection.write(raw_frame(HEADERS, 0, 1, b"\x82"))
        await asyncio.sleep(HOLD_SECONDS)


@attack(READERS, at_once=10)
async def windows_of_zero(target: Target) -> None:
    async with target.http2(s4=0) as connection:
        for _ in range(90):
            connection.head(request_fields(LARGE, method=b"GET"))
        await connection.flush()
        await asyncio.sleep(HOLD_SECONDS)


@attack(READERS)
async def windows_of_one_byte(target: Target) -> None:
    async with target.http2(s4=1) as connection:
        for _ in range(50):
            connection.head(request_fields(LARGE, method=b"GET"))
        await connection.until(lambda: connection.closed, within=HOLD_SECONDS)


@attack(READERS, at_once=10)
async def sockets_nobody_reads(target: Target) -> None:
    reader, writer = await asyncio.open_connection(HOST, target.http2_port, local_addr=(SOURCE, 0), limit=1_000)
    connection = RawHttp2(reader, writer)
    connection.write(
        PREFACE, SettingsFrame(0, settings={4: 2**31 - 1}).serialize(), WindowUpdateFrame(0, 2**30).serialize()
    )
    for _ in range(90):
        connection.head(request_fields(LARGE, method=b"GET"))
    await asyncio.sleep(HOLD_SECONDS)
    await connection.close()


def _message(payload: bytes, *, flags: int = 0, length: int | None = None) -> bytes:
    return struct.pack(">BI", flags, len(payload) if length is None else length) + payload


async def _call(target: Target, path: bytes, body: bytes, *extra: tuple[bytes, bytes]) -> None:
    fields = [(b"content-type", b"application/grpc"), (b"te", b"trailers"), *extra]
    fields.append((b"authorization", f"Bearer {target.root_key}".encode()))
    async with target.http2() as connection:
        stream = connection.head(request_fields(path, *fields), end=False)
        connection.data(stream, body[:60_000], end=len(body) <= 60_000)
        await connection.answer(stream, within=HOLD_SECONDS)


@attack(GRPC)
async def a_message_with_20000_mistakes(target: Target) -> None:
    body = _message(b"\x0a\x07abc_def" + b"\x12\x02\xc3\xa9" * 14_000)
    await _call(target, b"/unkey.keys.v2.KeysService/SetPermissions", body)


@attack(GRPC)
async def a_message_that_claims_four_gigabytes(target: Target) -> None:
    await _call(target, VERIFY, _message(b"x" * 1_000, length=2**32 - 1))


@attack(GRPC)
async def a_gzip_bomb_as_message(target: Target) -> None:
    await _call(target, VERIFY, _message(BOMB[:60_000], flags=1), (b"grpc-encoding", b"gzip"))


@attack(GRPC)
async def metadata_of_forty_levels(target: Target) -> None:
    value = b"\x08\x00"
    for _ in range(60):
        inner = b"\x0a\x01a\x12" + _varint(len(value)) + value
        value = b"\x2a" + _varint(len(inner) + 2 + len(_varint(len(inner)))) + b"\x0a" + _varint(len(inner)) + inner
    await _call(target, b"/unkey.keys.v2.KeysService/CreateKey", _message(b"\x2a" + _varint(len(value)) + value))


@attack(GRPC)
async def a_timeout_of_20_kB(target: Target) -> None:
    await _call(target, VERIFY, _message(b"\x0a\x01a"), (b"grpc-timeout", b"9" * 20_000 + b"S"))


@attack(GRPC, at_once=20)
async def tokens_guessed_by_gRPC(target: Target) -> None:
    async with target.http2() as connection:
        for _ in range(10):
            streams = []
            for _ in range(50):
                credential = (b"authorization", b"Bearer unkey_%b" % secrets.token_hex(16).encode())
                fields = [(b"content-type", b"application/grpc"), (b"te", b"trailers"), credential]
                streams.append(connection.request(VERIFY, _message(b"\x0a\x01a"), *fields))
            await connection.answer(streams[-1], within=5.0)


@attack(GRPC, at_once=10)
async def watchers_without_number(target: Target) -> None:
    fields = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
    async with target.http2() as connection:
        for _ in range(95):
            connection.data(
                connection.head(request_fields(b"/grpc.health.v1.Health/Watch", *fields), end=False), _message(b"")
            )
        await connection.flush()
        await asyncio.sleep(HOLD_SECONDS)


@attack(GRPC)
async def reflection_without_end(target: Target) -> None:
    fields = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
    asked = b"unkey.keys.v2.KeysService"
    async with target.http2(s4=2**30) as connection:
        for _ in range(20):
            stream = connection.head(
                request_fields(b"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", *fields), end=False
            )
            connection.data(stream, _message(b"\x22" + _varint(len(asked)) + asked))
        await connection.answer(stream, within=HOLD_SECONDS)


def _varint(number: int) -> bytes:
    found = b""
    while number > 0x7F:
        found, number = found + bytes([number & 0x7F | 0x80]), number >> 7
    return found + bytes([number])
