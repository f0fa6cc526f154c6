"""Show a bearer token on every call of a generated client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from connectrpc.request import RequestContext

from unkey_api.core.secret import Secret

Request = TypeVar("Request")
Response = TypeVar("Response")
Context = RequestContext[Any, Any]  # generic over the messages of a method, and we serve them all


class BearerToken:
    """A client interceptor that adds `Authorization: Bearer <token>`; an empty token adds nothing."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    async def intercept_unary(
        self, call_next: Callable[[Request, Context], Awaitable[Response]], request: Request, ctx: Context, /
    ) -> Response:
        """Add the header and go on."""
        if self._token:
            ctx.request_headers["authorization"] = f"Bearer {self._token.reveal()}"
        return await call_next(request, ctx)
