"""One analytics row per request, without secrets.

A request leaves the raw material behind, cut to size; making a row of it, blanking included, happens a little later,
for a few dozen at once.
"""

from __future__ import annotations

from unkey_api.core.redaction import Redactor
from unkey_api.infra.batching.batcher import Sink
from unkey_api.infra.clickhouse.rows import ApiRequestRow
from unkey_api.rpc.exchange import Exchange
from unkey_api.rpc.observers.failures import internal_text
from unkey_api.rpc.observers.stored_text import StoredText, stored_query

QUIET_PATHS = frozenset({"/v2/liveness"})


class RequestRows:
    """Hands finished requests to a sink. Health, documents, liveness and unmatched paths leave no row."""

    def __init__(self, sink: Sink[Exchange]) -> None:
        self._add = sink.add

    def complete(self, exchange: Exchange) -> None:
        """Hand on a finished request. The edge has cut its bodies to what a row keeps."""
        if not exchange.quiet and exchange.path not in QUIET_PATHS:
            self._add(exchange)


def body_bytes(exchange: Exchange) -> int:
    """Return how much of a finished request has to be searched for secrets, its headers aside."""
    return len(exchange.request_body) + len(exchange.response_body)


class RowMaker:
    """Turns finished requests into rows."""

    def __init__(self, redactor: Redactor, *, region: str) -> None:
        self._stored = StoredText(redactor)
        self._region = region

    def row(self, exchange: Exchange) -> ApiRequestRow:
        """Return the row of a finished request."""
        scope, headers, stored = exchange.scope, exchange.headers, self._stored
        principal, failure, valid = exchange.principal, exchange.failure, exchange.body_valid
        query = scope.get("query_string", b"")
        query_string, query_params = stored_query(query) if query else ("", {})
        return ApiRequestRow(  # by position: names cost as much again as the rest of the call
            exchange.request_id,
            exchange.started_ms,
            principal.workspace_id if principal else "",
            stored.text(headers.get(b"host", b"")),
            stored.text(exchange.method),
            stored.text(exchange.path),
            query_string,
            query_params,
            stored.headers(scope["headers"]),
            stored.request_body(exchange.request_body, exchange.request_bytes, valid=valid),
            exchange.status,
            # Answers of the RPC surface carry their request's id, so no two are alike.
            stored.answer_headers(exchange.sent_headers)
            if exchange.http_json
            else stored.headers(exchange.sent_headers),
            stored.response_body(exchange.response_body, valid=valid),
            internal_text(failure) if failure is not None else "",
            int(exchange.seconds * 1000),
            stored.text(headers.get(b"user-agent", b"")),
            exchange.client_ip,
            self._region,
        )
