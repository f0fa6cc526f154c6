"""Something between a client and the service that fails when told to, as networks and proxies do."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "server", "date"}
HANG_SECONDS = 30.0
RPC_UNAVAILABLE = b'{"code":"unavailable","message":"Away for a moment."}'
JSON = {"content-type": "application/json"}


class Fault(Enum):
    """What to do with a request instead of passing it on."""

    UNAVAILABLE = "answers 503"
    INTERNAL = "answers 500"
    BROKEN = "answers 500 with a body that is no envelope"
    SILENT = "says nothing until the gate closes"
    DROPPED = "closes the connection"


def envelope(status: int, title: str, kind: str) -> bytes:
    """Return an error as the service writes it."""
    where = f"https://unkey.com/docs/errors/unkey/application/{kind}"
    error = {"title": title, "detail": "Away for a moment.", "status": status, "type": where}
    return json.dumps({"meta": {"requestId": "req_gate"}, "error": error}).encode()


class Gate:
    """Passes requests on to a service; those for which a fault is planned meet it instead."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.seen: list[str] = []
        """Paths in the order of arrival, those that met a fault included."""
        self.closing = threading.Event()
        self._planned: deque[Fault] = deque()
        self._always: Fault | None = None
        self.url = ""

    def plan(self, *faults: Fault) -> None:
        """The next requests meet these faults, one each."""
        self._planned.extend(faults)

    def always(self, fault: Fault | None) -> None:
        """Every request meets this fault, until told otherwise."""
        self._always = fault

    def next_fault(self) -> Fault | None:
        """Return what the request at hand meets."""
        return self._planned.popleft() if self._planned else self._always


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gate: Gate

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's signature
        """Say nothing."""

    def _serve(self) -> None:
        body = self._body()
        self.gate.seen.append(self.path)
        match self.gate.next_fault():
            case None:
                self._pass_on(body)
            case Fault.UNAVAILABLE:
                rpc = self.path.startswith("/unkey.")
                body = RPC_UNAVAILABLE if rpc else envelope(503, "Service Unavailable", "service_unavailable")
                self._answer(503, JSON, body)
            case Fault.INTERNAL:
                self._answer(500, JSON, envelope(500, "Internal Server Error", "unexpected_error"))
            case Fault.BROKEN:
                self._answer(500, {"content-type": "text/html"}, b"<h1>oops</h1>")
            case Fault.SILENT:
                self.gate.closing.wait(HANG_SECONDS)
                self.close_connection = True
            case Fault.DROPPED:
                self.close_connection = True

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _pass_on(self, body: bytes) -> None:
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
        link = http.client.HTTPConnection(self.gate.target.hostname or "", self.gate.target.port, timeout=20)
        with contextlib.closing(link):
            link.request(self.command, self.path, body, headers)
            answer = link.getresponse()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in HOP_BY_HOP}
            self._answer(answer.status, kept, answer.read())

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):  # a client that has left
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is part of the game."""


@contextmanager
def gate_to(target: str) -> Iterator[Gate]:
    """Open a gate to a service."""
    gate = Gate(target)
    handler = type("Handler", (_Handler,), {"gate": gate})
    server = _Server(("127.0.0.1", 0), handler)
    gate.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="gate")
    thread.start()
    try:
        yield gate
    finally:
        gate.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
