"""The key set of a token issuer over HTTPS, as a process of its own: answers with what a file holds at the moment.

python -m tests.support.issuer_program --port PORT --document FILE --cert FILE --key FILE
"""

from __future__ import annotations

import argparse
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Issuer(ThreadingHTTPServer):
    """Serves one file and counts who asked for it."""

    daemon_threads = True
    document: Path
    fetches = 0


class Handler(BaseHTTPRequestHandler):
    """GET of the document, 404 while there is none; /count says how often it was asked for."""

    server: Issuer

    def do_GET(self) -> None:
        if self.path == "/count":
            self._answer(200, str(self.server.fetches).encode())
            return
        self.server.fetches += 1
        if self.server.document.exists():
            self._answer(200, self.server.document.read_bytes())
        else:
            self._answer(404, b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own name
        """Say nothing."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    for name in ("--document", "--cert", "--key"):
        parser.add_argument(name, type=Path, required=True)
    options = parser.parse_args()
    server = Issuer(("127.0.0.1", options.port), Handler)
    server.document = options.document
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    # The handshake belongs to the thread of a connection, or one that says nothing would hold up the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main()
