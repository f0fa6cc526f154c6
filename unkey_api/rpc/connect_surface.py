"""The generated Connect applications, seen from the edge.

They speak Connect, gRPC and gRPC-Web; this adds what the runtime does not do: the admission of calls, whose bodies it
reads by itself, the request id and the headers that interceptors want on the answer, and the outcome for logs and
metrics.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import orjson
from connectrpc.server import ConnectASGIApplication

from unkey_api.core.errors import AppError
from unkey_api.rpc.bodies.admission import Admission, too_large
from unkey_api.rpc.errors import Fault, cut, failure_of, fault_of, forget_ways
from unkey_api.rpc.interceptors.guard import PanicHook, noted_fault
from unkey_api.rpc.method import Context
from unkey_api.rpc.request_state import STATUS_CLIENT_CLOSED, Event, Receive, RequestState, Send, current_request

FRAME_BYTES = 5


class CallAdmission:
    """Looks at the head of a call before its body is read. A start interceptor of the runtime, the only one."""

    def __init__(self, admissions: Mapping[str, Admission], on_panic: PanicHook) -> None:
        """Take the admission of each procedure, by its full path."""
        self._admissions = admissions
        self._on_panic = on_panic

    async def on_start(self, ctx: Context) -> None:
        """Check the headers of a Connect or gRPC call."""
        state, info = current_request(), ctx.method
        admission = self._admissions[f"/{info.service_name}/{info.name}"]
        if admission.is_plain(state):
            return
        try:
            await admission.open(state)
        except Exception as err:
            raise _kept(state, err, self._on_panic) from err

    async def on_end(self, token: None, ctx: Context, error: Exception | None, /) -> None:
        """Note how the call ended, also when it never came as far as the chain."""
        if error is not None:
            state = current_request()
            state.raised = error
            state.failure = state.failure or failure_of(error)


class CountingReceive:
    """Hands a body to the runtime as far as its caller has earned it."""

    __slots__ = ("_admission", "_on_panic", "_receive", "state")

    def __init__(self, state: RequestState, receive: Receive, admission: Admission, on_panic: PanicHook) -> None:
        self.state: RequestState | None = state
        self._receive = receive
        self._admission = admission
        self._on_panic = on_panic

    async def __call__(self) -> Event:
        """Return the next event. Raises a `Fault` in place of what is too much."""
        event = await self._receive()
        state = self.state
        if state is not None and event["type"] == "http.request":
            state.request_bytes += len(event.get("body", b""))
            if state.request_bytes > self._admission.limits.light_bytes:
                await self._weigh_in(state)
        return event

    async def _weigh_in(self, state: RequestState) -> None:
        # The frame around a message of gRPC does not count.
        if state.request_bytes > self._admission.most + FRAME_BYTES:
            raise _kept(state, too_large(state, self._admission.most), self._on_panic)
        try:
            await self._admission.weigh_in(state)
        except Exception as err:
            raise _kept(state, err, self._on_panic) from err


def _kept(state: RequestState, error: Exception, on_panic: PanicHook) -> Fault:
    """Return the fault for an exception and note it: the runtime keeps it in a variable and must be made to let go."""
    if isinstance(error, Fault):
        fault = error
    elif isinstance(error, AppError):
        fault = fault_of(error, state.request_id)
    else:
        fault = noted_fault(state, error, on_panic)
    state.raised = fault
    state.failure = failure_of(fault)
    return fault


REQUEST_ID_HEADER = b"unkey-request-id"
GRPC_MESSAGE_BYTES = 1_200
"""Of `grpc-message`: what the runtime says may quote the caller. Sentences of ours are shorter, escaped as they are."""
GRPC_DETAILS_BYTES = 4_096
"""Of `grpc-status-details-bin`; with everything else it stays below the 8 KiB of metadata that clients read."""
PATH_BYTES = 200
_PLAIN_CONTENT_TYPE = re.compile(r"application/grpc[A-Za-z0-9.+-]{0,40}")
_HTTP_OF_GRPC = {
    b"1": 499,
    b"2": 500,
    b"3": 400,
    b"4": 408,
    b"5": 404,
    b"6": 409,
    b"7": 403,
    b"8": 429,
    b"9": 412,
    b"10": 409,
    b"11": 400,
    b"12": 501,
    b"13": 500,
    b"14": 503,
    b"15": 500,
    b"16": 401,
}


def forgetting(application: ConnectASGIApplication[Any]) -> ConnectASGIApplication[Any]:
    """Have an application let go of the frames of each error it has answered.

    It keeps the error in one of them, so both would keep each other and all that belongs to the request. Those that end
    a call before it is known what it calls are seen by no interceptor.
    """
    answer = application._handle_error  # noqa: SLF001 - connectrpc is pinned

    async def answer_and_forget(error: Exception, *rest: Any) -> bool:  # Any: as the runtime has it
        responded = await answer(error, *rest)
        forget_ways(error)
        return responded

    application._handle_error = answer_and_forget  # type: ignore[method-assign, assignment]  # noqa: SLF001
    return application


class ConnectSurface:
    """Serves the RPC paths of several generated applications."""

    def __init__(
        self, applications: Mapping[str, tuple[ConnectASGIApplication[Any], Admission]], on_panic: PanicHook
    ) -> None:
        """Take the application of each procedure, by its full path, and who may send it what."""
        self._applications = applications
        self._on_panic = on_panic

    async def __call__(self, state: RequestState, receive: Receive, send: Send) -> None:
        """Answer one call."""
        found = self._applications.get(state.path)
        if found is None:
            await send_unimplemented(state, send)
            return
        application, admission = found
        answering = _Answering(state, send)
        receiving = CountingReceive(state, receive, admission, self._on_panic)
        await application(state.scope, receiving, answering)
        # The application keeps what was raised in a variable, so both would keep each other with all they refer to.
        forget_ways(state.raised)
        state.raised = None
        answering.state = receiving.state = None
        if state.status == 0:
            state.status = STATUS_CLIENT_CLOSED


class _Answering:
    """Passes an answer on, taking note of its outcome."""

    __slots__ = ("_send", "state")

    def __init__(self, state: RequestState, send: Send) -> None:
        self.state: RequestState | None = state
        self._send = send

    async def __call__(self, event: Event) -> None:
        if self.state is not None:
            if event["type"] == "http.response.start":
                _note_start(self.state, event)
            elif event["type"] == "http.response.trailers":
                _note_trailers(self.state, event["headers"])
                event["headers"] = [*_bounded(event["headers"])]
                self.state.sent_headers = [*self.state.sent_headers, *event["headers"]]
        await self._send(event)


def _note_start(state: RequestState, event: Event) -> None:
    headers = [*_bounded(event.get("headers", ()))]
    state.status = event["status"]
    _note_trailers(state, headers)
    headers.append((REQUEST_ID_HEADER, state.request_id.encode()))
    headers.extend(state.response_headers)
    event["headers"] = state.sent_headers = headers


def _note_trailers(state: RequestState, headers: Iterable[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        if name == b"grpc-status" and value != b"0":
            entry = state.failure.entry if state.failure else None
            state.status = entry.status if entry else _HTTP_OF_GRPC.get(value, 500)


def _bounded(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Keep a gRPC status within what every client reads. Without its details it is still the right status."""
    for name, value in headers:
        if name == b"grpc-message" and len(value) > GRPC_MESSAGE_BYTES:
            text = unquote_to_bytes(value)[: GRPC_MESSAGE_BYTES // 3].decode("utf-8", "ignore")
            yield name, quote(text, safe="").encode()
        elif name != b"grpc-status-details-bin" or len(value) <= GRPC_DETAILS_BYTES:
            yield name, value


async def send_unimplemented(state: RequestState, send: Send) -> None:
    """Tell a caller that no such procedure exists, in the form of the protocol it speaks."""
    state.status = 404
    content_type = state.header(b"content-type") or ""
    if content_type.startswith("application/grpc"):
        await _send_unimplemented_grpc(state, send, content_type)
        return
    body = orjson.dumps({"code": "unimplemented", "message": f"there is no procedure {cut(state.path, PATH_BYTES)}"})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (REQUEST_ID_HEADER, state.request_id.encode()),
    ]
    state.sent_headers = headers
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_unimplemented_grpc(state: RequestState, send: Send, content_type: str) -> None:
    """gRPC-Web reads the status from the headers, gRPC only from those of a frame that ends the stream: trailers."""
    outcome = [(b"grpc-status", b"12"), (b"grpc-message", b"unknown procedure")]
    if _PLAIN_CONTENT_TYPE.fullmatch(content_type) is None:
        content_type = "application/grpc"
    headers = [(b"content-type", content_type.encode("latin-1")), (REQUEST_ID_HEADER, state.request_id.encode())]
    web = content_type.startswith("application/grpc-web")
    trailers = not web and "http.response.trailers" in state.scope.get("extensions", {})
    start = {"type": "http.response.start", "status": 200, "trailers": trailers}
    state.sent_headers = headers + outcome
    await send(start | {"headers": headers if trailers else state.sent_headers})
    await send({"type": "http.response.body", "body": b""})
    if trailers:
        await send({"type": "http.response.trailers", "headers": outcome})
