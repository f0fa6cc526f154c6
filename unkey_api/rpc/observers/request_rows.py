"""One analytics row per request, without secrets.

A request leaves only a reference behind; turning it into a row, blanking included, happens when the batch is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qs

from unkey_api.core.clock import Clock
from unkey_api.core.redaction import Redactor
from unkey_api.infra.batching.batcher import FlushReason, Sink
from unkey_api.infra.clickhouse.rows import ApiRequestRow
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.exchange import Exchange, Headers

BODY_BYTES_MAX = 64 * 1024  # a buffer full of the largest bodies would take more memory than the service itself
HEADER_NAMES_MAX = 1_000  # names whose canonical case is remembered
ROWS_PER_TURN = 50  # rows between two turns of the event loop, so that no request waits a millisecond for them
QUIET_PATHS = frozenset({"/v2/liveness"})
_LEFT_OUT = frozenset({b"x-forwarded-proto", b"x-forwarded-port", b"x-forwarded-for", b"x-amzn-trace-id"})
_SECRET = frozenset({b"authorization", b"cookie", b"set-cookie", b"proxy-authorization"})
_HIDDEN = "[REDACTED]"

WriteRows = Callable[[Sequence[ApiRequestRow], FlushReason], Awaitable[None]]


class FinishedRequest:
    """What a row is made of."""

    __slots__ = ("exchange", "latency_ms")

    def __init__(self, exchange: Exchange, latency_ms: int) -> None:
        self.exchange = exchange
        self.latency_ms = latency_ms


class RequestRows:
    """Hands finished requests to a buffer. Health, documents, liveness and unmatched paths leave no row."""

    def __init__(self, sink: Sink[FinishedRequest], *, clock: Clock) -> None:
        self._add = sink.add
        self._clock = clock

    def begin(self, exchange: Exchange) -> None:
        """Nothing is known yet."""

    def complete(self, exchange: Exchange) -> None:
        """Queue the row of a finished request."""
        if exchange.quiet or exchange.path in QUIET_PATHS:
            return
        exchange.request_body = exchange.request_body[:BODY_BYTES_MAX]
        exchange.response_body = exchange.response_body[:BODY_BYTES_MAX]
        self._add(FinishedRequest(exchange, int((self._clock.monotonic() - exchange.started_at) * 1000)))


class RowWriter:
    """Turns finished requests into rows and writes them. The flush function of a `Batcher`."""

    def __init__(self, write: WriteRows, redactor: Redactor, *, region: str) -> None:
        self._write = write
        self._redact = redactor.redact
        self._region = region
        self._names: dict[bytes, str] = {}
        """Header names seen lately in canonical case."""

    async def __call__(self, requests: Sequence[FinishedRequest], reason: FlushReason) -> None:
        """Write one batch."""
        rows = []
        for number, request in enumerate(requests, start=1):
            rows.append(self.row(request))
            if number % ROWS_PER_TURN == 0:
                await asyncio.sleep(0)
        await self._write(rows, reason)

    def row(self, request: FinishedRequest) -> ApiRequestRow:
        """Return the row of a request."""
        exchange = request.exchange
        query = exchange.scope.get("query_string", b"").decode("latin-1")
        failure = exchange.failure
        return ApiRequestRow(
            request_id=exchange.request_id,
            time=exchange.started_ms,
            workspace_id=exchange.principal.workspace_id if exchange.principal else "",
            host=exchange.header(b"host") or "",
            method=exchange.method,
            path=exchange.path,
            query_string=query,
            query_params=parse_qs(query, keep_blank_values=True) if query else {},
            request_headers=self._shown(exchange.scope["headers"]),
            request_body=self._redact(exchange.request_body).decode("utf-8", "replace"),
            response_status=exchange.status,
            response_headers=self._shown(exchange.response_headers),
            response_body=self._redact(exchange.response_body).decode("utf-8", "replace"),
            error=failure.internal if isinstance(failure, Fault) else "",
            service_latency=request.latency_ms,
            user_agent=exchange.user_agent,
            ip_address=exchange.client_ip,
            region=self._region,
        )

    def _shown(self, headers: Headers) -> list[str]:
        """Return `Name: v1,v2` per header, in canonical case, secrets hidden."""
        values: dict[bytes, str] = {}
        for name, value in headers:
            if name not in _LEFT_OUT:
                text = _HIDDEN if name in _SECRET else value.decode("latin-1")
                values[name] = f"{values[name]},{text}" if name in values else text
        return [f"{self._names.get(name) or self._learn(name)}: {text}" for name, text in values.items()]

    def _learn(self, name: bytes) -> str:
        if len(self._names) >= HEADER_NAMES_MAX:
            self._names.clear()  # callers can make up names without end
        shown = self._names[name] = _canonical(name)
        return shown


def _canonical(name: bytes) -> str:
    return "-".join(part.capitalize() for part in name.decode("latin-1").split("-"))
