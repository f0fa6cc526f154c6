"""Heads, connections and framing of HTTP/1.1."""

from __future__ import annotations

import asyncio
import secrets

from tests.attack.registry import Target, attack

HEADS = "HTTP/1.1 heads"
CONNECTIONS = "connections"
FRAMING = "framing"
SERIES = "metric series"
HOLD_SECONDS = 1.0


@attack(HEADS)
async def a_path_of_24_kB(target: Target) -> None:
    await target.say(b"GET /" + b"a" * 24_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")


@attack(HEADS)
async def a_user_agent_of_30_kB(target: Target) -> None:
    await target.say(b"GET /nope HTTP/1.1\r\nHost: x\r\nUser-Agent: " + b"secret x-y_" * 2_700 + b"\r\n\r\n")


@attack(HEADS)
async def a_user_agent_of_dashes(target: Target) -> None:
    await target.say(b"GET /nope HTTP/1.1\r\nHost: x\r\nUser-Agent: token " + b"a-" * 15_000 + b"\r\n\r\n")


@attack(HEADS)
async def a_host_of_passwords(target: Target) -> None:
    await target.say(b"GET /nope HTTP/1.1\r\nHost: " + b"password-" * 3_000 + b"\r\n\r\n")


@attack(HEADS)
async def a_content_type_of_30_kB(target: Target) -> None:
    await target.post("/v2/keys.getKey", b"{}", "Content-Type: " + "secret x-y_" * 2_700)


@attack(HEADS)
async def a_head_without_end(target: Target) -> None:
    await target.say(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Y: " + b"a" * 4_000_000)


@attack(HEADS)
async def a_request_line_without_end(target: Target) -> None:
    await target.say(b"GET /" + b"a" * 4_000_000)


@attack(HEADS)
async def ten_thousand_fields(target: Target) -> None:
    await target.say(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 10_000 + b"\r\n")


@attack(HEADS)
async def noise_instead_of_HTTP(target: Target) -> None:
    await target.say(secrets.token_bytes(10_000))


@attack(HEADS)
async def forged_forwarding_lines(target: Target) -> None:
    lines = [f"X-Forwarded-For: {n}.{n}.{n}.{n}, junk" for n in range(90)]
    await target.post("/v2/keys.verifyKey", b'{"key":"nope"}', *lines)


@attack(CONNECTIONS, at_once=50)
async def half_a_head(target: Target) -> None:
    async with target.http1() as (reader, writer):
        writer.write(b"POST /v2/keys.verifyKey HTTP/1.1\r\nHost: x\r\nContent-Le")
        await _until_closed(reader)


@attack(CONNECTIONS, at_once=100)
async def connections_that_say_nothing(target: Target) -> None:
    async with target.http1() as (reader, _):
        await _until_closed(reader)


@attack(CONNECTIONS, at_once=100)
async def more_connections_than_allowed(target: Target) -> None:
    opened = [
        await asyncio.open_connection("127.0.0.1", target.http1_port, local_addr=("127.0.0.67", 0)) for _ in range(8)
    ]
    await asyncio.sleep(HOLD_SECONDS / 2)
    for _, writer in opened:
        writer.transport.abort()


@attack(CONNECTIONS, at_once=8)
async def connections_opened_and_closed(target: Target) -> None:
    async with target.http1():
        pass


@attack(CONNECTIONS, at_once=20)
async def a_head_byte_by_byte(target: Target) -> None:
    async with target.http1() as (_, writer):
        for byte in b"GET /v2/liveness HTTP/1.1\r\nHost: x\r\n":
            writer.write(bytes([byte]))
            await asyncio.sleep(0.03)


@attack(CONNECTIONS, at_once=20)
async def answers_nobody_reads(target: Target) -> None:
    async with target.http1() as (_, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's transport can
        writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        await asyncio.sleep(HOLD_SECONDS)


@attack(CONNECTIONS)
async def a_thousand_requests_at_once(target: Target) -> None:
    await target.say(b"GET /v2/liveness HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000)


@attack(FRAMING)
async def an_upgrade_with_a_hidden_request(target: Target) -> None:
    hidden = b"GET /v2/liveness HTTP/1.1\r\nHost: x\r\n\r\n"
    head = (
        b"POST /v2/apis.getApi HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n"
    )
    await target.say(head % len(hidden) + hidden)


@attack(FRAMING)
async def two_kinds_of_length(target: Target) -> None:
    lines = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"
    await target.say(b"POST /v2/apis.getApi HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n")


@attack(FRAMING)
async def chunks_of_one_byte(target: Target) -> None:
    lines = (
        f"Authorization: Bearer {target.root_key}\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n"
    )
    head = f"POST /v2/keys.verifyKey HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode()
    await target.say(head + b"1\r\n \r\n" * 100_000)


@attack(FRAMING)
async def other_spellings_of_paths(target: Target) -> None:
    for path in (b"/v2%2Fapis.getApi", b"//v2/apis.getApi", b"/./v2/../%00", b"/%5Cevil.example//%0d%0aset-cookie:a"):
        await target.say(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")


@attack(SERIES)
async def paths_made_up(target: Target) -> None:
    async with target.http1() as (reader, writer):
        for _ in range(200):
            writer.write(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % secrets.token_hex(8).encode())
            await reader.read(4_096)


@attack(SERIES)
async def methods_of_HTTP_1_made_up(target: Target) -> None:
    await target.say(b"%s / HTTP/1.1\r\nHost: x\r\n\r\n" % secrets.token_hex(8).upper().encode())


async def _until_closed(reader: asyncio.StreamReader) -> None:
    """Hold on until the other side closes. The attack ends by cancelling it."""
    while await reader.read(4_096):
        pass
