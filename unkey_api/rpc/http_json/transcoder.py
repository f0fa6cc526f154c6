"""Serve one method as `POST /v2/<area>.<method>` by running the chain the Connect surface runs.

A body becomes a message or the documented 400, the message goes through the chain, and the answer is written as
`{meta, data, pagination?}`. `shape` says what a body may look like; `encode` writes messages and failures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

import orjson
from connectrpc.errors import ConnectError
from connectrpc.request import Headers, RequestContext
from protovalidate import Validator

from unkey_api.core.errors import AppError, ErrorCode, Violation
from unkey_api.core.text import shorten
from unkey_api.rpc.bodies.admission import Admission, read_body, too_many_values
from unkey_api.rpc.bodies.budget import LIGHT_UNSEEN_BYTES, LIGHT_VALUES
from unkey_api.rpc.bodies.json_text import NotExpressible, NotJson, read_json
from unkey_api.rpc.bodies.validation import schema_fault
from unkey_api.rpc.bodies.weight import json_holds_more
from unkey_api.rpc.errors import Fault, failure_of, fault_of, forget_ways, unexpected_fault
from unkey_api.rpc.http_json.encode import JSON, compile_encoder, compile_field_encoder, fault_body, fault_content_type
from unkey_api.rpc.http_json.shape import ShapeErrors, compile_shape
from unkey_api.rpc.interceptors.guard import DisconnectWatch, EagerCall, PanicHook
from unkey_api.rpc.method import AnyMessage, Binding, MethodSpec
from unkey_api.rpc.request_state import STATUS_CLIENT_CLOSED, Receive, RequestState, Send
from unkey_api.rpc.violations import broken_rules, explain

PAGINATION = "pagination"
FIX = "Ensure that the object being submitted, matches the schema correctly"
_EXPECTED = "application/json"


class LazyContext(RequestContext[Any, Any]):
    """The context of a call, whose headers are copied only when somebody asks for them."""

    def __init__(self, binding: Binding, state: RequestState) -> None:
        super().__init__(method=binding.spec.info, http_method=state.method, request_headers=_NO_HEADERS)
        self._state = state

    @property
    def request_headers(self) -> Headers:
        """Headers of the HTTP request."""
        if self._request_headers is _NO_HEADERS:
            self._request_headers = Headers()
            for name, value in self._state.scope["headers"]:
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

    async def __call__(self, state: RequestState, receive: Receive, send: Send) -> None:
        """Answer one request. Never raises for a failure of the request; a client that left gets no answer."""
        state.http_json = True
        try:
            answer = await self._run(state, receive)
            body = self._success(state, answer)
            status, content_type = self._spec.success_status, JSON
        except Exception as err:  # noqa: BLE001 - the edge: an answer that cannot be written is one of ours too
            status, content_type, body = self._refusal(state, err)
        if status == STATUS_CLIENT_CLOSED:
            state.status = status
            return
        await _send(state, send, status=status, content_type=content_type, body=body)

    def _refusal(self, state: RequestState, error: Exception) -> tuple[int, bytes, bytes]:
        """Return status, content type and body. Apart from the caller, whose frame the exception holds."""
        fault = self._fault(state, error)
        state.failure = failure_of(fault)
        forget_ways(error)  # a future that raised it keeps it, and a frame it went through the future
        content_type = fault_content_type(fault, state.header(b"accept"))
        return fault.entry.status, content_type, fault_body(fault, state.request_id)

    def _fault(self, state: RequestState, error: Exception) -> Fault:
        if isinstance(error, Fault):
            return error
        if isinstance(error, AppError):
            return fault_of(error, state.request_id)
        if not isinstance(error, ConnectError):
            self._on_panic(state, error)
        return unexpected_fault(state.request_id, f"{type(error).__name__}: {error}")

    async def _run(self, state: RequestState, receive: Receive) -> AnyMessage:
        if not self._admission.is_plain(state):
            await self._admission.open(state)
        state.request_body = body = await read_body(state, receive, self._admission)
        decoder = self._decoder
        if decoder is None:
            request = self._spec.info.input()
        else:
            _require_json(state)
            if len(body) <= LIGHT_UNSEEN_BYTES and state.share is None:
                request = decoder.decode(state, body)
            else:
                request = await self._decoded(state, decoder, body)
                state.cut_bodies()
                del body  # not held by this frame while the call runs
            state.body_valid = True
        step = EagerCall(self._binding.call(request, LazyContext(self._binding, state)))
        if step.finished:
            return step.value
        return await _watched(step, state, receive)

    async def _decoded(self, state: RequestState, decoder: BodyDecoder, body: bytes) -> AnyMessage:
        if state.share is None and json_holds_more(body, LIGHT_VALUES):
            await self._admission.weigh_in(state)
        return await self._admission.run(state, partial(decoder.decode, state, body))

    def _success(self, state: RequestState, answer: AnyMessage) -> bytes:
        if self._spec.no_data:
            return bare_success_body(state.request_id)
        kept = state.cached_response
        if kept is not None:
            if kept.json is None:
                kept.json = orjson.dumps(self._encode(kept.message))
            return success_body(state.request_id, kept.json)
        data = self._encode(answer)
        pagination = None
        if self._encode_pagination is not None:
            pagination = self._encode_pagination(answer)
            if isinstance(data, dict):
                data.pop(PAGINATION, None)
        return success_body(state.request_id, orjson.dumps(data), pagination)


def _require_json(state: RequestState) -> None:
    """Raise the documented 400 unless the body is declared as JSON; parameters and letter case do not matter."""
    raw = state.header(b"content-type")
    if raw == _EXPECTED or (raw is not None and raw.partition(";")[0].strip().lower() == _EXPECTED):
        return
    shown = shorten(raw or "")
    raise Fault(
        ErrorCode.APPLICATION_INVALID_INPUT,
        f"{state.method} operation request content type '{shown}' does not exist",
        request_id=state.request_id,
        violations=(
            Violation(
                "requestBody",
                f"The content type '{shown}' of the {state.method} request submitted has not been defined, "
                "it's an unknown type",
                "The content type is invalid, Use one of the 1 supported types for this operation: application/json",
            ),
        ),
        plain_json=True,
    )


async def _watched(step: EagerCall[AnyMessage], state: RequestState, receive: Receive) -> AnyMessage:
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
            request_id=state.request_id,
        ) from err
    finally:
        watch.stop()


async def _send(state: RequestState, send: Send, *, status: int, content_type: bytes, body: bytes) -> None:
    state.status = status
    state.response_body = body
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *state.response_headers]
    if status == 413:
        headers.append((b"connection", b"close"))
    state.sent_headers = headers
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def success_body(request_id: str, data: bytes, pagination: object | None = None) -> bytes:
    """Return the body of a successful answer, whose data is JSON already."""
    tail = b',"pagination":' + orjson.dumps(pagination) if pagination is not None else b""
    return b'{"meta":{"requestId":"%b"},"data":%b%b}' % (request_id.encode(), data, tail)


def bare_success_body(request_id: str) -> bytes:
    """Return the body of a success that has nothing to tell, not even an empty `data`."""
    return b'{"meta":{"requestId":"%b"}}' % request_id.encode()


class BodyDecoder:
    """Decodes the bodies of one method."""

    def __init__(self, spec: MethodSpec, validator: Validator, *, values_max: int) -> None:
        """Take the method, and how many values a heavy body may hold; light ones were counted before."""
        self._shape = compile_shape(spec.info.input.desc())
        self._from_json: Callable[..., AnyMessage] = spec.info.input.from_json
        # Of a heavy body the text is not parsed a second time: with many escapes that is 100 ms that hold everybody up.
        self._from_value: Callable[..., AnyMessage] = spec.info.input._from_json_value  # noqa: SLF001 - the package is pinned
        self._body_field = spec.body_field
        self._validator = validator
        self._values_max = values_max

    def decode(self, state: RequestState, body: bytes) -> AnyMessage:
        """Return the message. Raises `Fault` naming what is wrong: nothing of a wrong body is used."""
        if not body:
            raise _refused(
                state,
                f"{state.method} request body is empty for '{state.path}'",
                "The request body is empty but there is a schema defined",
            )
        if state.share is not None and json_holds_more(body, self._values_max):
            raise too_many_values(state, self._values_max)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document, body = _mended(state, body)
        if self._body_field:
            document, body = self._wrap(state, document)
        found = ShapeErrors()
        self._shape.check(document, "", found, (document, ""))
        if found.violations:
            raise schema_fault(
                state,
                self._all_violations(document, found, thorough=state.share is None),
                complete=found.complete,
            )
        if found.nulls or found.ignored:
            _put_as_meant(document, found)
            body = b""
        return self._message(state, document, body)

    def _message(self, state: RequestState, document: Any, body: bytes) -> AnyMessage:  # any JSON value
        """Return what a document, or the text of it if there is one, says."""
        try:
            if state.share is not None:
                return self._from_value(document, ignore_unknown_fields=True)
            return self._from_json(body or orjson.dumps(document), ignore_unknown_fields=True)
        except RecursionError as err:
            raise schema_fault(state, (Violation("requestBody", "objects or lists are nested too deeply"),)) from err
        except (ValueError, TypeError, OverflowError) as err:
            detail = "The request body is invalid. The request body was not valid JSON."
            raise Fault(
                ErrorCode.APPLICATION_INVALID_INPUT, detail, request_id=state.request_id, internal=str(err)
            ) from err

    def _wrap(self, state: RequestState, document: Any) -> tuple[dict[str, Any], bytes]:  # any JSON value
        if type(document) is not list:
            found = ShapeErrors()
            self._shape.check({self._body_field: document}, "", found, ({}, ""))
            pointer = f"/properties/{self._body_field}"
            raise schema_fault(
                state,
                tuple(Violation(v.location.removeprefix(pointer), v.message, v.fix) for v in found.violations),
            )
        wrapped = {self._body_field: document}
        return wrapped, orjson.dumps(wrapped)

    def _all_violations(
        self, document: Any, found: ShapeErrors, *, thorough: bool
    ) -> tuple[Violation, ...]:  # any JSON
        """Add the broken value rules of whatever has the right shape, so that a caller sees everything at once."""
        listed = {(v.location, v.message): v for v in found.violations}
        if type(document) is dict and found.complete:
            for violation in self._value_violations(document, thorough=thorough):
                listed.setdefault((violation.location, violation.message), violation)
        return tuple(sorted(listed.values(), key=lambda v: (v.location, v.message)))

    def _value_violations(self, document: dict[str, Any], *, thorough: bool) -> tuple[Violation, ...]:
        sound = {}
        for name, member in document.items():
            found = ShapeErrors()
            self._shape.check({name: member}, "", found, ({}, ""))
            if all(v.location == "/required" for v in found.violations):
                sound[name] = member
        try:
            message = self._from_json(orjson.dumps(sound), ignore_unknown_fields=True)
        except (ValueError, TypeError, OverflowError, RecursionError):
            return ()
        found_rules = self._validator.collect_violations(message, fail_fast=not thorough)
        if not found_rules:
            return ()
        broken = broken_rules(found_rules, message, thorough=thorough)
        left_out = document.keys() - sound.keys()
        return tuple(v for v in explain(broken, message) if not _is_about(v.location, left_out))


def _mended(state: RequestState, body: bytes) -> tuple[Any, bytes]:  # any JSON
    """Return what a text means that is JSON to JavaScript only, and that text as JSON. Raises `Fault` for others."""
    try:
        return read_json(body)
    except NotExpressible as err:
        raise schema_fault(state, (err.violation,)) from err
    except NotJson as err:
        detail = f"{state.method} request body for '{state.path}' failed to validate schema"
        raise _refused(state, detail, f"The request body cannot be decoded: {err}") from err


def _is_about(location: str, left_out: AbstractSet[str]) -> bool:
    """Return whether a rule is only broken because members were left out."""
    member = location.removeprefix("/properties/").partition("/")[0]
    return location.endswith("/required") or member in left_out


def _put_as_meant(document: Any, found: ShapeErrors) -> None:  # any JSON value
    """List the nulls of the document in it, and take out what does not count."""
    for holder, names in found.ignored:
        for name in names:
            del holder[name]
    paths: dict[int, list[str]] = {}
    owners = {}
    for owner, path in found.nulls:
        paths.setdefault(id(owner), []).append(path)
        owners[id(owner)] = owner
    for key, owner in owners.items():
        owner["nullFields"] = ",".join(paths[key])


def _refused(state: RequestState, detail: str, message: str) -> Fault:
    return Fault(
        ErrorCode.APPLICATION_INVALID_INPUT,
        detail,
        request_id=state.request_id,
        violations=(Violation("requestBody", message, FIX),),
        plain_json=True,
    )
