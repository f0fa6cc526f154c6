"""From a path to the part that serves it: plain dictionary look-ups on the path as it was sent.

Nothing is unescaped, cleaned or redirected: what is not a route byte for byte is a 404. A second spelling of a route
would be one that rules in front of the service do not know.
"""

from __future__ import annotations

from collections.abc import Mapping

from unkey_api.rpc.asgi import Receive, Send
from unkey_api.rpc.edge import Endpoint
from unkey_api.rpc.exchange import Exchange

RPC_PREFIX = "/unkey."
NOT_FOUND = b"404 page not found\n"
METHOD_NOT_ALLOWED = b"Method Not Allowed\n"


class Router:
    """Knows every route of both surfaces."""

    def __init__(self, routes: Mapping[str, Mapping[str, Endpoint]], rpc: Endpoint) -> None:
        """Take the HTTP routes (path → verb → endpoint) and the endpoint of all RPC paths."""
        self._routes = routes
        self._rpc = rpc

    def __call__(self, exchange: Exchange) -> Endpoint:
        """Return the endpoint of a request; there always is one, if only to say 404."""
        path = exchange.path
        verbs = self._routes.get(path)
        if verbs is not None:
            verb = exchange.method
            return verbs.get(verb) or (verbs.get("GET") if verb == "HEAD" else None) or self.not_allowed
        if path.startswith(RPC_PREFIX):
            return self._rpc
        return _not_found

    def allowed(self, path: str) -> str:
        """Return the `Allow` header of a path."""
        verbs = sorted(self._routes[path])
        return ", ".join([*verbs, "HEAD"] if "GET" in verbs else verbs)

    async def not_allowed(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        """Answer 405 in plain text."""
        await _plain(exchange, send, 405, METHOD_NOT_ALLOWED, [(b"allow", self.allowed(exchange.path).encode())])


async def _not_found(exchange: Exchange, receive: Receive, send: Send) -> None:
    await _plain(exchange, send, 404, NOT_FOUND, [])


async def _plain(exchange: Exchange, send: Send, status: int, body: bytes, extra: list[tuple[bytes, bytes]]) -> None:
    exchange.quiet = True
    exchange.status = status
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-length", b"%d" % len(body)),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
