"""Serve one method as `POST /v2/<area>.<method>` by running the chain the Connect surface runs."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import orjson
from connectrpc.errors import ConnectError
from connectrpc.request import Headers, RequestContext
from protovalidate import Validator

from unkey_api.core.errors import AppError, ErrorCode
from unkey_api.rpc.asgi import Receive, Send
from unkey_api.rpc.bodies.admission import Admission
from unkey_api.rpc.bodies.limits import LIGHT_UNSEEN_BYTES, LIGHT_VALUES
from unkey_api.rpc.bodies.reading import read_body
from unkey_api.rpc.bodies.weight import json_holds_more
from unkey_api.rpc.chain import Binding
from unkey_api.rpc.errors import Fault, failure_of, fault_of, forget_ways, unexpected_fault
from unkey_api.rpc.exchange import STATUS_CLIENT_CLOSED, Exchange
from unkey_api.rpc.first_step import FirstStep
from unkey_api.rpc.http_json.content_type import require_json
from unkey_api.rpc.http_json.decode import BodyDecoder
from unkey_api.rpc.http_json.disconnect import DisconnectWatch
from unkey_api.rpc.http_json.encode import compile_encoder, compile_field_encoder
from unkey_api.rpc.http_json.envelope import JSON, bare_success_body, fault_body, fault_content_type, success_body
from unkey_api.rpc.interceptors.guard import PanicHook
from unkey_api.rpc.method import AnyMessage

PAGINATION = "pagination"


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
            require_json(exchange)
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


async def _send(exchange: Exchange, send: Send, *, status: int, content_type: bytes, body: bytes) -> None:
    exchange.status = status
    exchange.response_body = body
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *exchange.response_headers]
    if status == 413:
        headers.append((b"connection", b"close"))
    exchange.sent_headers = headers
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
