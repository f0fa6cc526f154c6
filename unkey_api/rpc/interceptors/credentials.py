"""Who is calling: find it out before the handler runs, and slow down workspaces that call too often."""

from __future__ import annotations

from typing import Protocol

from connectrpc.code import Code
from unkey_proto.unkey.options.v1 import options_pb

from unkey_api.core.cookies import find_cookie
from unkey_api.core.errors import ErrorCode, Violation
from unkey_api.core.principal import Principal
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.exchange import Exchange, current_exchange
from unkey_api.rpc.method import AnyMessage, Call, Context

AuthKind = options_pb.AuthKind
BEARER = b"Bearer "


class Authenticator(Protocol):
    """Finds out who sent a request."""

    async def authenticate(self, authorization: str | None, cookie: str | None) -> Principal:
        """Return the caller. Raises an `AppError` when there is none."""
        ...


class Throttle(Protocol):
    """Limits how often a workspace may call."""

    async def admit(self, principal: Principal, headers: list[tuple[bytes, bytes]]) -> None:
        """Count the call, adding headers that tell the state. Raises an `AppError` when it is one too many."""
        ...


def check_presence(exchange: Exchange, kind: AuthKind) -> None:
    """Raise the documented 400 when the credential of this kind is absent."""
    if kind is AuthKind.ROOT_KEY and not exchange.header(b"authorization"):
        raise _absent(
            exchange,
            "Authorization header for 'bearer' scheme",
            Violation(
                "security", "Authorization header was not found", "Add an 'Authorization' header to this request"
            ),
        )
    if kind is AuthKind.PORTAL_SESSION and find_cookie(exchange.cookies, "portal_session") is None:
        raise _absent(
            exchange,
            "API Key portal_session not found in cookies",
            Violation(
                "security",
                "API Key not found in http request cookies for security scheme 'apiKey' with type 'cookie'",
                "Submit an API Key 'portal_session' as a cookie with the request",
            ),
        )


class Authentication:
    """Resolve the caller and remember it on the exchange."""

    def __init__(self, authenticator: Authenticator, *, reads_cookies: bool = False) -> None:
        """Take who knows callers. `reads_cookies`: hand over cookies too, which most operations must not accept."""
        self._authenticator = authenticator
        self._reads_cookies = reads_cookies

    async def intercept_unary(self, call_next: Call, request: AnyMessage, ctx: Context, /) -> AnyMessage:
        """Run the rest of the chain."""
        exchange = current_exchange()
        if exchange.principal is None:
            await self.identify(exchange)
        return await call_next(request, ctx)

    async def identify(self, exchange: Exchange) -> None:
        """Find out who sent the request, unless that is known. Raises an `AppError` when nobody is."""
        if exchange.principal is None:
            cookies = exchange.cookies if self._reads_cookies else None
            exchange.principal = await self._authenticator.authenticate(exchange.header(b"authorization"), cookies)


class WorkspaceThrottle:
    """Count the call against the workspace's requests per minute."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    async def intercept_unary(self, call_next: Call, request: AnyMessage, ctx: Context, /) -> AnyMessage:
        """Run the rest of the chain."""
        exchange = current_exchange()
        if exchange.principal is not None:
            await self._throttle.admit(exchange.principal, exchange.response_headers)
        return await call_next(request, ctx)


def _absent(exchange: Exchange, public: str, violation: Violation) -> Fault:
    return Fault(
        ErrorCode.APPLICATION_INVALID_INPUT,
        public,
        request_id=exchange.request_id,
        violations=(violation,),
        connect_code=Code.UNAUTHENTICATED,
        plain_json=True,
    )
