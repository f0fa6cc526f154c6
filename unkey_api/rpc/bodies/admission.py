"""Who may send a body, and how much of it, before it is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from unkey_proto.unkey.options.v1 import options_pb

from unkey_api.core.errors import ErrorCode
from unkey_api.rpc.bodies.budget import RETRY_AFTER_SECONDS, BodyBudget, TooManyHeavyBodies
from unkey_api.rpc.bodies.limits import BodyLimits
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.exchange import Exchange
from unkey_api.rpc.interceptors.credentials import BEARER, Authentication, check_presence

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
        self._budget = budget
        self.limits = limits
        most = limits.max_bytes if limits.max_bytes > 0 else 2**62
        # Nobody has to say who they are here, so nobody can earn more than what is light.
        self.most = most if authentication is not None else min(most, limits.light_bytes)
        """Bytes a body of this method may have."""
        self._plain_digits = len(str(min(self.most, limits.light_bytes))) - 1

    def is_plain(self, exchange: Exchange) -> bool:
        """Return whether the head is that of nearly every request, so that there is nothing for `open` to do."""
        headers = exchange.headers
        if self._kind is not AuthKind.ROOT_KEY or not headers.get(b"authorization", b"").startswith(BEARER):
            return False
        declared = headers.get(b"content-length")
        if declared is not None and len(declared) > self._plain_digits:
            return False
        return self._authentication is None or not self._authentication.wary

    async def open(self, exchange: Exchange) -> None:
        """Look at the head of a request. What is returned from here may be read up to `light_bytes`."""
        check_presence(exchange, self._kind)
        if self._authentication is not None and self._authentication.wary:
            await self._authentication.screen(exchange)
        if self._kind is AuthKind.ROOT_KEY:
            authorization = exchange.headers[b"authorization"]
            if not authorization.startswith(BEARER) and not authorization.strip().startswith(BEARER):
                await self._identify(exchange)  # whoever knows callers says what is wrong with it
        declared = _declared(exchange.headers)
        if declared > self.limits.light_bytes or declared > self.most:
            if declared > self.most:
                raise too_large(exchange, self.most)
            await self.weigh_in(exchange, declared)

    async def weigh_in(self, exchange: Exchange, size: int | None = None) -> None:
        """Let a heavy body in: find out who sends it, and take a share for it. Does so once per request.

        Args:
            exchange: The request.
            size: Bytes it will take, None when it may be as many as allowed.
        """
        if exchange.share is not None:
            return
        if self._authentication is None:
            raise too_large(exchange, self.most)
        await self._identify(exchange)
        principal = exchange.principal
        try:
            exchange.share = await self._budget.share(
                principal.workspace_id if principal else "",
                min(self.most, self.limits.heavy_bytes) if size is None else size,
            )
        except TooManyHeavyBodies:
            exchange.response_headers.append((b"retry-after", b"%d" % RETRY_AFTER_SECONDS))
            raise

    async def run(self, exchange: Exchange, work: Callable[[], T]) -> T:
        """Run what a body costs: at once for a light one, off the event loop for a heavy one."""
        if exchange.share is None:
            return work()
        return await self._budget.run(work)

    def _identify(self, exchange: Exchange) -> Awaitable[None]:
        assert self._authentication is not None  # noqa: S101 - asked before
        return self._authentication.identify(exchange)


def _declared(headers: Mapping[bytes, bytes]) -> int:
    """Return the Content-Length, 0 when there is none or it is no number: then the bytes are counted as they come."""
    length = headers.get(b"content-length")
    if length is None:
        return 0
    try:
        return int(length)
    except ValueError:
        return 0


def too_large(exchange: Exchange, most: int) -> Fault:
    """Return the answer to a body of too many bytes."""
    return Fault(
        ErrorCode.USER_BAD_REQUEST_REQUEST_BODY_TOO_LARGE,
        f"The request body exceeds the maximum allowed size of {most} bytes.",
        request_id=exchange.request_id,
    )


def too_many_values(exchange: Exchange, most: int) -> Fault:
    """Return the answer to a body that holds too much for its size to matter."""
    return Fault(
        ErrorCode.USER_BAD_REQUEST_REQUEST_BODY_TOO_LARGE,
        f"The request body holds more than the {most} members and elements that are allowed. Send it in several parts.",
        request_id=exchange.request_id,
    )
