"""One analytics row per request, without secrets.

A request leaves the raw material behind; making a row of it, blanking included, happens a little later, for a few dozen
at once.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs

from unkey_api.core.clock import Clock
from unkey_api.core.redaction import Redactor
from unkey_api.infra.batching.batcher import Sink
from unkey_api.infra.clickhouse.rows import ApiRequestRow
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.exchange import Exchange, Headers

BODY_BYTES_MAX = 64 * 1024  # a buffer full of the largest bodies would take more memory than the service itself
HEADER_NAMES_MAX = 1_000  # names whose canonical case is remembered
QUIET_PATHS = frozenset({"/v2/liveness"})
_LEFT_OUT = frozenset({b"x-forwarded-proto", b"x-forwarded-port", b"x-forwarded-for", b"x-amzn-trace-id"})
_SECRET = frozenset({b"authorization", b"cookie", b"set-cookie", b"proxy-authorization"})
_HIDDEN = "[REDACTED]"


class FinishedRequest(NamedTuple):
    """What a row is made of, and nothing else: thousands wait at a time, and a whole exchange is many times larger."""

    request_id: str
    started_ms: int
    workspace_id: str
    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes
    status: int
    response_headers: Headers
    response_body: bytes
    error: str
    latency_ms: int
    client_ip: str


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
        principal, failure = exchange.principal, exchange.failure
        self._add(
            FinishedRequest(
                exchange.request_id,
                exchange.started_ms,
                principal.workspace_id if principal else "",
                exchange.method,
                exchange.path,
                exchange.scope.get("query_string", b""),
                exchange.scope["headers"],
                exchange.request_body[:BODY_BYTES_MAX],
                exchange.status,
                exchange.response_headers,
                exchange.response_body[:BODY_BYTES_MAX],
                failure.internal if isinstance(failure, Fault) else "",
                int((self._clock.monotonic() - exchange.started_at) * 1000),
                exchange.client_ip,
            )
        )


class RowMaker:
    """Turns finished requests into rows."""

    def __init__(self, redactor: Redactor, *, region: str) -> None:
        self._redact = redactor.redact
        self._region = region
        self._names: dict[bytes, str] = {}
        """Header names seen lately in canonical case."""

    def row(self, request: FinishedRequest) -> ApiRequestRow:
        """Return the row of a request."""
        query = request.query.decode("latin-1")
        found = dict(request.headers)
        return ApiRequestRow(
            request_id=request.request_id,
            time=request.started_ms,
            workspace_id=request.workspace_id,
            host=found.get(b"host", b"").decode("latin-1"),
            method=request.method,
            path=request.path,
            query_string=query,
            query_params=parse_qs(query, keep_blank_values=True) if query else {},
            request_headers=self._shown(request.headers),
            request_body=self._redact(request.body).decode("utf-8", "replace"),
            response_status=request.status,
            response_headers=self._shown(request.response_headers),
            response_body=self._redact(request.response_body).decode("utf-8", "replace"),
            error=request.error,
            service_latency=request.latency_ms,
            user_agent=found.get(b"user-agent", b"").decode("latin-1"),
            ip_address=request.client_ip,
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
