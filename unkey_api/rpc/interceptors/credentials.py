"""Who is calling: find it out before the handler runs, and slow down workspaces that call too often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from connectrpc.code import Code
from unkey_proto.unkey.options.v1 import options_pb

from unkey_api.core.errors import ErrorCode, Violation
from unkey_api.core.principal import Principal
from unkey_api.core.text import find_cookie
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.method import AnyMessage, Call, Context
from unkey_api.rpc.request_state import RequestState, current_request

AuthKind = options_pb.AuthKind
BEARER = b"Bearer "


class Authenticator(Protocol):
    """Finds out who sent a request."""

    def recognise(self, authorization: str | None, cookie: str | None) -> Principal | None:
        """Return the caller if that takes no waiting, None when it does or there is none."""
        ...

    async def authenticate(self, authorization: str | None, cookie: str | None) -> Principal:
        """Return a caller who was not recognised. Raises an `AppError` when there is none."""
        ...


@runtime_checkable
class Screening(Protocol):
    """What an authenticator has besides, that wants to look at requests before their bodies are read."""

    @property
    def wary(self) -> Callable[[], bool]:
        """Says whether there is anything to look for at the moment. Asked about every request."""
        ...

    async def screen(self, state: RequestState, authorization: str | None, cookie: str | None) -> None:
        """Raise an `AppError` for a request that is not let in, perhaps after a while."""
        ...


class Throttle(Protocol):
    """Limits how often a workspace may call."""

    def admit(self, principal: Principal, headers: list[tuple[bytes, bytes]]) -> Awaitable[None] | None:
        """Count the call, adding headers that tell the state. None: it may go on; otherwise what to wait for.

        Either raises an `AppError` when it is one too many.
        """
        ...


def check_presence(state: RequestState, kind: AuthKind) -> None:
    """Raise the documented 400 when the credential of this kind is absent."""
    if kind is AuthKind.ROOT_KEY and not state.header(b"authorization"):
        raise _absent(
            state,
            "Authorization header for 'bearer' scheme",
            Violation(
                "security", "Authorization header was not found", "Add an 'Authorization' header to this request"
            ),
        )
    if kind is AuthKind.PORTAL_SESSION and find_cookie(state.cookies, "portal_session") is None:
        raise _absent(
            state,
            "API Key portal_session not found in cookies",
            Violation(
                "security",
                "API Key not found in http request cookies for security scheme 'apiKey' with type 'cookie'",
                "Submit an API Key 'portal_session' as a cookie with the request",
            ),
        )


class Authentication:
    """Resolve the caller, remember it on the state, and count the call against its workspace's per minute."""

    def __init__(self, authenticator: Authenticator, throttle: Throttle, *, reads_cookies: bool = False) -> None:
        """Take who knows callers. `reads_cookies`: hand over cookies too, which most operations must not accept."""
        self._admit = throttle.admit
        self._recognise = authenticator.recognise
        self._authenticate = authenticator.authenticate
        self._screening = authenticator if isinstance(authenticator, Screening) else None
        self.wary: Callable[[], bool] | None = None if self._screening is None else self._screening.wary
        """Says whether `screen` may have something to say about a request; None where it never has."""
        self._reads_cookies = reads_cookies

    async def screen(self, state: RequestState) -> None:
        """Look at the head of a request whose body was not read. Raises an `AppError` when it is not let in."""
        if self._screening is not None:
            await self._screening.screen(state, *self._credentials(state))

    async def intercept_unary(self, call_next: Call, request: AnyMessage, ctx: Context, /) -> AnyMessage:
        """Run the rest of the chain."""
        state = current_request()
        if state.principal is None:
            credentials = self._credentials(state)
            state.principal = self._recognise(*credentials) or await self._authenticate(*credentials)
        admitting = self._admit(state.principal, state.response_headers)
        if admitting is not None:
            await admitting
        return await call_next(request, ctx)

    async def identify(self, state: RequestState) -> None:
        """Find out who sent the request, unless that is known. Raises an `AppError` when nobody is."""
        if state.principal is None:
            credentials = self._credentials(state)
            state.principal = self._recognise(*credentials) or await self._authenticate(*credentials)

    def _credentials(self, state: RequestState) -> tuple[str | None, str | None]:
        return state.header(b"authorization"), state.cookies if self._reads_cookies else None


def _absent(state: RequestState, public: str, violation: Violation) -> Fault:
    return Fault(
        ErrorCode.APPLICATION_INVALID_INPUT,
        public,
        request_id=state.request_id,
        violations=(violation,),
        connect_code=Code.UNAUTHENTICATED,
        plain_json=True,
    )
