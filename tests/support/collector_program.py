"""A collector of traces as a process of its own: takes what an OTLP exporter posts and counts the requests.

python -m tests.support.collector_program --port PORT
"""

from __future__ import annotations

import argparse
import gzip
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Collector(ThreadingHTTPServer):
    """Counts spans."""

    daemon_threads = True
    spans = 0


class Handler(BaseHTTPRequestHandler):
    """POST of traces; GET /count says how many spans came."""

    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        sent = json.loads(body)["resourceSpans"]
        self.server.spans += sum(len(scope["spans"]) for each in sent for scope in each["scopeSpans"])
        self._answer(b"{}")

    def do_GET(self) -> None:
        self._answer(str(self.server.spans).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own name
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    Collector(("127.0.0.1", parser.parse_args().port), Handler).serve_forever()
