"""Who may send a body, how much of it, and reading it as far as its caller has earned it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from unkey_proto.unkey.options.v1 import options_pb

from unkey_api.core.errors import ErrorCode, Violation
from unkey_api.core.text import shorten
from unkey_api.rpc.bodies.budget import RETRY_AFTER_SECONDS, BodyBudget, BodyLimits, TooManyHeavyBodies
from unkey_api.rpc.bodies.encodings import SUPPORTED, Corrupt, Unpack, is_packed, unpacker
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.interceptors.credentials import BEARER, Authentication, check_presence
from unkey_api.rpc.request_state import Receive, RequestState

T = TypeVar("T")
AuthKind = options_pb.AuthKind


class Admission:
    """Decides for one method. Refusals are faults, or `AppError`s of whoever knows callers."""

    def __init__(
        self, kind: AuthKind, authentication: Authentication | None, budget: BodyBudget, limits: BodyLimits
    ) -> None:
        """Take how callers identify themselves; `authentication` is None where they need not."""
        self._kind = kind
        self._authentication = authentication
        self._wary = None if authentication is None else authentication.wary
        self._budget = budget
        self.limits = limits
        most = limits.max_bytes if limits.max_bytes > 0 else 2**62
        # Nobody has to say who they are here, so nobody can earn more than what is light.
        self.most = most if authentication is not None else min(most, limits.light_bytes)
        """Bytes a body of this method may have."""
        self._plain_digits = len(str(min(self.most, limits.light_bytes))) - 1

    def is_plain(self, state: RequestState) -> bool:
        """Return whether the head is that of nearly every request, so that there is nothing for `open` to do."""
        headers = state.headers
        if self._kind is not AuthKind.ROOT_KEY or not headers.get(b"authorization", b"").startswith(BEARER):
            return False
        declared = headers.get(b"content-length")
        if declared is not None and len(declared) > self._plain_digits:
            return False
        return self._wary is None or not self._wary()

    async def open(self, state: RequestState) -> None:
        """Look at the head of a request. What is returned from here may be read up to `light_bytes`."""
        check_presence(state, self._kind)
        if self._authentication is not None and self._wary is not None and self._wary():
            await self._authentication.screen(state)
        if self._kind is AuthKind.ROOT_KEY:
            authorization = state.headers[b"authorization"]
            if not authorization.startswith(BEARER) and not authorization.strip().startswith(BEARER):
                await self._identify(state)  # whoever knows callers says what is wrong with it
        declared = _declared(state.headers)
        if declared > self.limits.light_bytes or declared > self.most:
            if declared > self.most:
                raise too_large(state, self.most)
            await self.weigh_in(state, declared)

    async def weigh_in(self, state: RequestState, size: int | None = None) -> None:
        """Let a heavy body in: find out who sends it, and take a share for it. Does so once per request.

        Args:
            state: The request.
            size: Bytes it will take, None when it may be as many as allowed.
        """
        if state.share is not None:
            return
        if self._authentication is None:
            raise too_large(state, self.most)
        await self._identify(state)
        principal = state.principal
        try:
            state.share = await self._budget.share(
                principal.workspace_id if principal else "",
                min(self.most, self.limits.heavy_bytes) if size is None else size,
            )
        except TooManyHeavyBodies:
            state.response_headers.append((b"retry-after", b"%d" % RETRY_AFTER_SECONDS))
            raise

    async def run(self, state: RequestState, work: Callable[[], T]) -> T:
        """Run what a body costs: at once for a light one, off the event loop for a heavy one."""
        if state.share is None:
            return work()
        return await self._budget.run(work)

    def _identify(self, state: RequestState) -> Awaitable[None]:
        assert self._authentication is not None  # noqa: S101 - asked before
        return self._authentication.identify(state)


def _declared(headers: Mapping[bytes, bytes]) -> int:
    """Return the Content-Length, 0 when there is none or it is no number: then the bytes are counted as they come."""
    length = headers.get(b"content-length")
    if length is None:
        return 0
    try:
        return int(length)
    except ValueError:
        return 0


def too_large(state: RequestState, most: int) -> Fault:
    """Return the answer to a body of too many bytes."""
    return Fault(
        ErrorCode.USER_BAD_REQUEST_REQUEST_BODY_TOO_LARGE,
        f"The request body exceeds the maximum allowed size of {most} bytes.",
        request_id=state.request_id,
    )


def too_many_values(state: RequestState, most: int) -> Fault:
    """Return the answer to a body that holds too much for its size to matter."""
    return Fault(
        ErrorCode.USER_BAD_REQUEST_REQUEST_BODY_TOO_LARGE,
        f"The request body holds more than the {most} members and elements that are allowed, or ten times as many "
        "escaped characters. Send it in several parts.",
        request_id=state.request_id,
    )


async def read_body(state: RequestState, receive: Receive, admission: Admission) -> bytes:
    """Return the body, unpacked, after `admission` opened the request.

    Raises:
        Fault: 413 for one that is too long, 415 for an unknown Content-Encoding, 400 for a damaged one, 499 when the
            client leaves before the body is complete.
        AppError: Somebody unknown sends a heavy one, or too many are being worked on.
    """
    event = await receive()
    if event["type"] == "http.disconnect":
        raise _left(state)
    body: bytes = event.get("body", b"")
    if event.get("more_body", False) or len(body) > admission.limits.light_bytes:
        body = await _rest(state, receive, admission, [body], complete=not event.get("more_body", False))
    elif len(body) > admission.most:
        state.request_body, state.request_bytes = body[: admission.most], len(body)
        raise too_large(state, admission.most)
    state.request_bytes = len(body)
    encoding = state.headers.get(b"content-encoding")
    if encoding is not None and is_packed(encoding.decode("latin-1")):
        return await _unpacked(state, admission, body, encoding.decode("latin-1"))
    return body


async def _rest(
    state: RequestState, receive: Receive, admission: Admission, chunks: list[bytes], *, complete: bool
) -> bytes:
    size = len(chunks[0])
    while True:
        if size > admission.most:
            state.request_body, state.request_bytes = b"".join(chunks)[: admission.most], size
            raise too_large(state, admission.most)
        if size > admission.limits.light_bytes:
            await admission.weigh_in(state)
        if complete:
            return b"".join(chunks)
        event = await receive()
        if event["type"] == "http.disconnect":
            raise _left(state)
        complete = not event.get("more_body", False)
        chunks.append(event.get("body", b""))
        size += len(chunks[-1])


async def _unpacked(state: RequestState, admission: Admission, body: bytes, encoding: str) -> bytes:
    unpack = unpacker(encoding)
    if unpack is None:
        raise Fault(
            ErrorCode.USER_BAD_REQUEST_UNSUPPORTED_CONTENT_ENCODING,
            f"Content-Encoding '{shorten(encoding, 64)}' is not supported. Supported are {SUPPORTED}.",
            request_id=state.request_id,
        )
    unpacked = await unpack_within(state, admission, body, unpack) if body else body
    state.request_bytes = len(unpacked)
    return unpacked


async def unpack_within(state: RequestState, admission: Admission, body: bytes, unpack: Unpack) -> bytes:
    """Return what a packed body holds, within what its caller has earned. Raises as `read_body` does."""
    try:
        light = min(admission.limits.light_bytes, admission.most)
        unpacked = unpack(body, light) if len(body) <= light else None
        if unpacked is None or len(unpacked) > light:
            await admission.weigh_in(state)
            unpacked = await admission.run(state, partial(unpack, body, admission.most))
    except Corrupt as err:
        raise Fault(
            ErrorCode.APPLICATION_INVALID_INPUT,
            f"The request body cannot be unpacked: {err}.",
            request_id=state.request_id,
            violations=(Violation("requestBody", f"The request body cannot be unpacked: {err}"),),
            plain_json=True,
        ) from err
    if len(unpacked) > admission.most:
        raise too_large(state, admission.most)
    return unpacked


def _left(state: RequestState) -> Fault:
    return Fault(ErrorCode.USER_BAD_REQUEST_CLIENT_CLOSED_REQUEST, "Client closed request", request_id=state.request_id)
