"""Reading a body as far as its caller has earned it."""

from __future__ import annotations

from functools import partial

from unkey_api.core.errors import ErrorCode, Violation
from unkey_api.core.shortening import shorten
from unkey_api.rpc.asgi import Receive
from unkey_api.rpc.bodies.admission import Admission, too_large
from unkey_api.rpc.bodies.encodings import SUPPORTED, Corrupt, Unpack, is_packed, unpacker
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.exchange import Exchange


async def read_body(exchange: Exchange, receive: Receive, admission: Admission) -> bytes:
    """Return the body, unpacked, after `admission` opened the request.

    Raises:
        Fault: 413 for one that is too long, 415 for an unknown Content-Encoding, 400 for a damaged one, 499 when the
            client leaves before the body is complete.
        AppError: Somebody unknown sends a heavy one, or too many are being worked on.
    """
    event = await receive()
    if event["type"] == "http.disconnect":
        raise _left(exchange)
    body: bytes = event.get("body", b"")
    if event.get("more_body", False) or len(body) > admission.limits.light_bytes:
        body = await _rest(exchange, receive, admission, [body], complete=not event.get("more_body", False))
    elif len(body) > admission.most:
        exchange.request_body, exchange.request_bytes = body[: admission.most], len(body)
        raise too_large(exchange, admission.most)
    exchange.request_bytes = len(body)
    encoding = exchange.headers.get(b"content-encoding")
    if encoding is not None and is_packed(encoding.decode("latin-1")):
        return await _unpacked(exchange, admission, body, encoding.decode("latin-1"))
    return body


async def _rest(
    exchange: Exchange, receive: Receive, admission: Admission, chunks: list[bytes], *, complete: bool
) -> bytes:
    size = len(chunks[0])
    while True:
        if size > admission.most:
            exchange.request_body, exchange.request_bytes = b"".join(chunks)[: admission.most], size
            raise too_large(exchange, admission.most)
        if size > admission.limits.light_bytes:
            await admission.weigh_in(exchange)
        if complete:
            return b"".join(chunks)
        event = await receive()
        if event["type"] == "http.disconnect":
            raise _left(exchange)
        complete = not event.get("more_body", False)
        chunks.append(event.get("body", b""))
        size += len(chunks[-1])


async def _unpacked(exchange: Exchange, admission: Admission, body: bytes, encoding: str) -> bytes:
    unpack = unpacker(encoding)
    if unpack is None:
        raise Fault(
            ErrorCode.USER_BAD_REQUEST_UNSUPPORTED_CONTENT_ENCODING,
            f"Content-Encoding '{shorten(encoding, 64)}' is not supported. Supported are {SUPPORTED}.",
            request_id=exchange.request_id,
        )
    unpacked = await unpack_within(exchange, admission, body, unpack) if body else body
    exchange.request_bytes = len(unpacked)
    return unpacked


async def unpack_within(exchange: Exchange, admission: Admission, body: bytes, unpack: Unpack) -> bytes:
    """Return what a packed body holds, within what its caller has earned. Raises as `read_body` does."""
    try:
        light = min(admission.limits.light_bytes, admission.most)
        unpacked = unpack(body, light) if len(body) <= light else None
        if unpacked is None or len(unpacked) > light:
            await admission.weigh_in(exchange)
            unpacked = await admission.run(exchange, partial(unpack, body, admission.most))
    except Corrupt as err:
        raise Fault(
            ErrorCode.APPLICATION_INVALID_INPUT,
            f"The request body cannot be unpacked: {err}.",
            request_id=exchange.request_id,
            violations=(Violation("requestBody", f"The request body cannot be unpacked: {err}"),),
            plain_json=True,
        ) from err
    if len(unpacked) > admission.most:
        raise too_large(exchange, admission.most)
    return unpacked


def _left(exchange: Exchange) -> Fault:
    return Fault(
        ErrorCode.USER_BAD_REQUEST_CLIENT_CLOSED_REQUEST, "Client closed request", request_id=exchange.request_id
    )
