"""Serve one method as `POST /v2/<area>.<method>` by running the chain the Connect surface runs.

Everything the HTTP/JSON surface has to itself is here, but for reading and writing messages as JSON: which bodies it
takes, that a caller who hangs up is noticed, and the form of its answers, `{meta, data, pagination?}` and
`{meta, error}`.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import orjson
from connectrpc.errors import ConnectError
from connectrpc.request import Headers, RequestContext
from protovalidate import Validator

from unkey_api.core.errors import AppError, ErrorCode, Violation
from unkey_api.core.shortening import shorten
from unkey_api.rpc.asgi import Receive, Send
from unkey_api.rpc.bodies.admission import Admission
from unkey_api.rpc.bodies.limits import LIGHT_UNSEEN_BYTES, LIGHT_VALUES
from unkey_api.rpc.bodies.reading import read_body
from unkey_api.rpc.bodies.weight import json_holds_more
from unkey_api.rpc.errors import VIOLATION_CHARS, Fault, failure_of, fault_of, forget_ways, unexpected_fault
from unkey_api.rpc.exchange import STATUS_CLIENT_CLOSED, Exchange
from unkey_api.rpc.http_json.decode import BodyDecoder
from unkey_api.rpc.http_json.encode import compile_encoder, compile_field_encoder
from unkey_api.rpc.interceptors.guard import FirstStep, PanicHook
from unkey_api.rpc.method import AnyMessage, Binding

PAGINATION = "pagination"
JSON = b"application/json"
PROBLEM_JSON = b"application/problem+json"
_EXPECTED = "application/json"
_WITH_VIOLATIONS = frozenset({400, 408, 413, 499})
_PROBLEM_ACCEPTING = frozenset({"application/problem+json", "application/*", "*/*"})


class LazyContext(RequestContext[Any, Any]):
    """The context of a call, whose headers are copied only when somebody asks for them."""

    def __init__(self, binding: Binding, exchange: Exchange) -> None:
        super().__init__(method=binding.spec.info, http_method=exchange.method, request_headers=_NO_HEADERS)
        self._exchange = exchange

    @property
    def request_headers(self) -> Headers:
        """Headers of the HTTP request."""
        if self._request_headers is _NO_HEADERS:
            self._request_headers = Headers()
            for name, value in self._exchange.scope["headers"]:
                self._request_headers.add(name.decode("latin-1"), value.decode("latin-1"))
        return self._request_headers


_NO_HEADERS = Headers()


class Transcoder:
    """One HTTP/JSON route."""

    def __init__(self, binding: Binding, validator: Validator, admission: Admission, *, on_panic: PanicHook) -> None:
        spec = binding.spec
        output = spec.info.output.desc()
        self._binding = binding
        self._spec = spec
        self._admission = admission
        self._on_panic = on_panic
        self._decoder = BodyDecoder(spec, validator, values_max=admission.limits.values) if spec.takes_body else None
        self._encode = (
            compile_field_encoder(output, spec.response_field) if spec.response_field else compile_encoder(output)
        )
        pages = any(field.name == PAGINATION for field in output.fields)
        self._encode_pagination = compile_field_encoder(output, PAGINATION) if pages else None

    async def __call__(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        """Answer one request. Never raises for a failure of the request; a client that left gets no answer."""
        exchange.http_json = True
        try:
            answer = await self._run(exchange, receive)
            body = self._success(exchange, answer)
            status, content_type = self._spec.success_status, JSON
        except Exception as err:  # noqa: BLE001 - the edge: an answer that cannot be written is one of ours too
            status, content_type, body = self._refusal(exchange, err)
        if status == STATUS_CLIENT_CLOSED:
            exchange.status = status
            return
        await _send(exchange, send, status=status, content_type=content_type, body=body)

    def _refusal(self, exchange: Exchange, error: Exception) -> tuple[int, bytes, bytes]:
        """Return status, content type and body. Apart from the caller, whose frame the exception holds."""
        fault = self._fault(exchange, error)
        exchange.failure = failure_of(fault)
        forget_ways(error)  # a future that raised it keeps it, and a frame it went through the future
        content_type = fault_content_type(fault, exchange.header(b"accept"))
        return fault.entry.status, content_type, fault_body(fault, exchange.request_id)

    def _fault(self, exchange: Exchange, error: Exception) -> Fault:
        if isinstance(error, Fault):
            return error
        if isinstance(error, AppError):
            return fault_of(error, exchange.request_id)
        if not isinstance(error, ConnectError):
            self._on_panic(exchange, error)
        return unexpected_fault(exchange.request_id, f"{type(error).__name__}: {error}")

    async def _run(self, exchange: Exchange, receive: Receive) -> AnyMessage:
        if not self._admission.is_plain(exchange):
            await self._admission.open(exchange)
        exchange.request_body = body = await read_body(exchange, receive, self._admission)
        decoder = self._decoder
        if decoder is None:
            request = self._spec.info.input()
        else:
            _require_json(exchange)
            if len(body) <= LIGHT_UNSEEN_BYTES and exchange.share is None:
                request = decoder.decode(exchange, body)
            else:
                request = await self._decoded(exchange, decoder, body)
                exchange.cut_bodies()
                del body  # not held by this frame while the call runs
            exchange.body_valid = True
        step = FirstStep(self._binding.call(request, LazyContext(self._binding, exchange)))
        if step.finished:
            return step.value
        return await _watched(step, exchange, receive)

    async def _decoded(self, exchange: Exchange, decoder: BodyDecoder, body: bytes) -> AnyMessage:
        if exchange.share is None and json_holds_more(body, LIGHT_VALUES):
            await self._admission.weigh_in(exchange)
        return await self._admission.run(exchange, partial(decoder.decode, exchange, body))

    def _success(self, exchange: Exchange, answer: AnyMessage) -> bytes:
        if self._spec.no_data:
            return bare_success_body(exchange.request_id)
        kept = exchange.kept
        if kept is not None:
            if kept.json is None:
                kept.json = orjson.dumps(self._encode(kept.message))
            return success_body(exchange.request_id, kept.json)
        data = self._encode(answer)
        pagination = None
        if self._encode_pagination is not None:
            pagination = self._encode_pagination(answer)
            if isinstance(data, dict):
                data.pop(PAGINATION, None)
        return success_body(exchange.request_id, orjson.dumps(data), pagination)


def _require_json(exchange: Exchange) -> None:
    """Raise the documented 400 unless the body is declared as JSON; parameters and letter case do not matter."""
    raw = exchange.header(b"content-type")
    if raw == _EXPECTED or (raw is not None and raw.partition(";")[0].strip().lower() == _EXPECTED):
        return
    shown = shorten(raw or "")
    raise Fault(
        ErrorCode.APPLICATION_INVALID_INPUT,
        f"{exchange.method} operation request content type '{shown}' does not exist",
        request_id=exchange.request_id,
        violations=(
            Violation(
                "requestBody",
                f"The content type '{shown}' of the {exchange.method} request submitted has not been defined, "
                "it's an unknown type",
                "The content type is invalid, Use one of the 1 supported types for this operation: application/json",
            ),
        ),
        plain_json=True,
    )


async def _watched(step: FirstStep[AnyMessage], exchange: Exchange, receive: Receive) -> AnyMessage:
    """Run the rest of a chain that waits for something; cancel it when the client hangs up."""
    watch = DisconnectWatch(receive)
    try:
        return await step
    except asyncio.CancelledError as err:
        if not watch.claim():
            raise
        raise Fault(
            ErrorCode.USER_BAD_REQUEST_CLIENT_CLOSED_REQUEST,
            "Client closed request",
            request_id=exchange.request_id,
        ) from err
    finally:
        watch.stop()


class DisconnectWatch:
    """Cancel the current task when the client hangs up. Costs a task of its own."""

    __slots__ = ("_cancelling", "_left", "_owner", "_receive", "_watcher")

    def __init__(self, receive: Receive) -> None:
        loop = asyncio.get_running_loop()
        owner = asyncio.current_task(loop)
        if owner is None:
            msg = "a watch needs a task to cancel"
            raise RuntimeError(msg)
        self._receive = receive
        self._owner = owner
        self._cancelling = owner.cancelling()
        self._left = False
        self._watcher: asyncio.Task[None] | None = loop.create_task(self._watch(), name="disconnect-watch")

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._owner.cancel()

    def claim(self) -> bool:
        """Return whether the cancellation just caught is this watch's own, and take it off the task if so."""
        return self._left and self._owner.uncancel() <= self._cancelling

    def stop(self) -> None:
        """Stop watching. Safe to call at any time."""
        if self._watcher is not None:
            self._watcher.cancel()
            # The task keeps its cancellation, whose traceback leads here. As a cycle, everything the request held
            # would stay until the garbage collector comes, which takes milliseconds by then.
            self._watcher = None


async def _send(exchange: Exchange, send: Send, *, status: int, content_type: bytes, body: bytes) -> None:
    exchange.status = status
    exchange.response_body = body
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *exchange.response_headers]
    if status == 413:
        headers.append((b"connection", b"close"))
    exchange.sent_headers = headers
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def success_body(request_id: str, data: bytes, pagination: object | None = None) -> bytes:
    """Return the body of a successful answer, whose data is JSON already."""
    tail = b',"pagination":' + orjson.dumps(pagination) if pagination is not None else b""
    return b'{"meta":{"requestId":"%b"},"data":%b%b}' % (request_id.encode(), data, tail)


def bare_success_body(request_id: str) -> bytes:
    """Return the body of a success that has nothing to tell, not even an empty `data`."""
    return b'{"meta":{"requestId":"%b"}}' % request_id.encode()


def fault_body(fault: Fault, request_id: str) -> bytes:
    """Return the body of a failure."""
    entry = fault.entry
    told = f" (the first {len(fault.violations)} of {len(fault.violations) + fault.omitted} errors are listed)"
    error: dict[str, Any] = {
        "title": entry.title,
        "detail": fault.public + told if fault.omitted else fault.public,
        "status": entry.status,
        "type": entry.type,
    }
    if entry.status in _WITH_VIOLATIONS:
        error["errors"] = [
            {
                "location": shorten(v.location, VIOLATION_CHARS),
                "message": shorten(v.message, VIOLATION_CHARS),
                **({"fix": v.fix} if v.fix else {}),
            }
            for v in fault.violations
        ]
    return orjson.dumps({"meta": {"requestId": request_id}, "error": error})


def fault_content_type(fault: Fault, accept: str | None) -> bytes:
    """Return `application/problem+json` for a caller that takes it, `application/json` otherwise (RFC 9457)."""
    if fault.plain_json or not accept:
        return JSON
    ranges = {item.partition(";")[0].strip().lower() for item in accept.split(",")}
    return PROBLEM_JSON if ranges & _PROBLEM_ACCEPTING else JSON
