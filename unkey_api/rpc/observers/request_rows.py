"""One analytics row per request, without secrets.

A request leaves the raw material behind; making a row of it, blanking included, happens a little later, for a few dozen
at once.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from unkey_api.core.redaction import Redactor
from unkey_api.infra.batching.batcher import Sink
from unkey_api.infra.clickhouse.rows import ApiRequestRow
from unkey_api.rpc.exchange import Exchange, Headers
from unkey_api.rpc.observers.failures import internal_text

HEADER_NAMES_MAX = 1_000  # names whose canonical case is remembered
QUIET_PATHS = frozenset({"/v2/liveness"})
_LEFT_OUT = frozenset({b"x-forwarded-proto", b"x-forwarded-port", b"x-forwarded-for", b"x-amzn-trace-id"})
_SECRET = frozenset({b"authorization", b"cookie", b"set-cookie", b"proxy-authorization"})
_SPECIAL = _LEFT_OUT | _SECRET
_HIDDEN = "[REDACTED]"


class RequestRows:
    """Hands finished requests to a sink. Health, documents, liveness and unmatched paths leave no row."""

    def __init__(self, sink: Sink[Exchange]) -> None:
        self._add = sink.add

    def complete(self, exchange: Exchange) -> None:
        """Hand on a finished request."""
        if not exchange.quiet and exchange.path not in QUIET_PATHS:
            self._add(exchange)


class RowMaker:
    """Turns finished requests into rows."""

    def __init__(self, redactor: Redactor, *, region: str) -> None:
        self._redact = redactor.redact
        self._region = region
        self._names: dict[bytes, str] = {}
        """Header names seen lately in canonical case."""

    def row(self, exchange: Exchange) -> ApiRequestRow:
        """Return the row of a finished request."""
        scope = exchange.scope
        principal, failure = exchange.principal, exchange.failure
        query = scope.get("query_string", b"").decode("latin-1")
        return ApiRequestRow(  # by position: names cost as much again as the rest of the call
            exchange.request_id,
            exchange.started_ms,
            principal.workspace_id if principal else "",
            exchange.host,
            exchange.method,
            exchange.shown_path,
            query,
            parse_qs(query, keep_blank_values=True) if query else {},
            self._shown(scope["headers"]),
            self._redact(exchange.request_body).decode("utf-8", "replace"),
            exchange.status,
            self._shown(exchange.response_headers),
            self._redact(exchange.response_body).decode("utf-8", "replace"),
            internal_text(failure) if failure is not None else "",
            int(exchange.seconds * 1000),
            exchange.user_agent,
            exchange.client_ip,
            self._region,
        )

    def _shown(self, headers: Headers) -> list[str]:
        """Return `Name: v1,v2` per header, in canonical case, secrets hidden."""
        values: dict[bytes, str] = {}
        for name, value in headers:
            if name in _SPECIAL:
                if name in _SECRET:
                    values[name] = f"{values[name]},{_HIDDEN}" if name in values else _HIDDEN
            elif name in values:
                values[name] += "," + value.decode("latin-1")
            else:
                values[name] = value.decode("latin-1")
        names = self._names
        return [f"{names.get(name) or self._learn(name)}: {text}" for name, text in values.items()]

    def _learn(self, name: bytes) -> str:
        if len(self._names) >= HEADER_NAMES_MAX:
            self._names.clear()  # callers can make up names without end
        shown = self._names[name] = _canonical(name)
        return shown


def _canonical(name: bytes) -> str:
    return "-".join(part.capitalize() for part in name.decode("latin-1").split("-"))
