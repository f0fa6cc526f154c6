"""A collector of traces: takes what an OTLP exporter posts over HTTP in protobuf, and answers as it is told."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACES_PATH = "/v1/traces"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a collector says to a batch."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    rejected: int = 0
    """Spans it says it left out."""
    padding: int = 0
    """Bytes behind a well-formed answer."""

    @property
    def body(self) -> bytes:
        """The answer as it is sent."""
        said = ExportTraceServiceResponse()
        if self.rejected:
            said.partial_success.rejected_spans = self.rejected
            said.partial_success.error_message = "too many"
        return bytes(said.SerializeToString()) + b" " * self.padding


@dataclass(frozen=True, slots=True)
class Batch:
    """One export, decoded."""

    path: str
    headers: Mapping[str, str]
    """By their names in lower case."""
    sent: ExportTraceServiceRequest

    @property
    def spans(self) -> list[Span]:
        """All spans in it."""
        return [span for each in self.sent.resource_spans for scope in each.scope_spans for span in scope.spans]

    @property
    def resource(self) -> dict[str, object]:
        """What is said about the process they come from."""
        return attributes_of(self.sent.resource_spans[0].resource.attributes)


class Collector(ThreadingHTTPServer):
    """Keeps what comes, in the order in which it comes."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.batches: list[Batch] = []
        self.answer: Callable[[], Answer] = Answer
        """Called for each batch, in a thread of its own; may wait."""

    @property
    def url(self) -> str:
        """Base address, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it."""
        scheme = "https" if isinstance(self.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[Span]:
        """All spans that came."""
        return [span for batch in self.batches for span in batch.spans]


class _Handler(BaseHTTPRequestHandler):
    """POST of traces; GET /count says how many spans came."""

    server: Collector
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        assert self.headers["content-type"] == "application/x-protobuf"
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.batches.append(Batch(self.path, headers, ExportTraceServiceRequest.FromString(body)))
        answer = self.server.answer()
        self._send(answer.status, answer.headers, answer.body)

    def do_GET(self) -> None:
        self._send(200, {}, str(len(self.server.spans)).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own name
        """Say nothing."""

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def collecting(tls: ssl.SSLContext | None = None) -> Iterator[Collector]:
    """Run a collector in this process until the block ends."""
    collector = Collector()
    if tls is not None:
        collector.socket = tls.wrap_socket(collector.socket, server_side=True)
    serving = threading.Thread(target=collector.serve_forever, args=(0.01,), name="collector")
    serving.start()
    try:
        yield collector
    finally:
        collector.shutdown()
        serving.join()
        collector.server_close()


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, object]:
    """Return attributes by name."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "no value") for pair in pairs}
