"""The OpenAPI documents and the page that shows the compatible one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources.abc import Traversable

from unkey_api.rpc.asgi import Receive, Send
from unkey_api.rpc.exchange import Exchange

SCRIPT_PATH = "/reference/scalar.js"
_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>unkey-api reference</title>
  </head>
  <body>
    <script
      id="api-reference"
      data-url="/openapi.json"
      data-configuration='{"withDefaultFonts":false,"telemetry":false}'
    ></script>
    <script src="/reference/scalar.js"></script>
  </body>
</html>
"""
_MISSING = """<!doctype html>
<html lang="en">
  <head><meta charset="utf-8" /><title>unkey-api reference</title></head>
  <body>
    <h1>The reference viewer is not installed</h1>
    <p>Its files are not part of the source tree. Run <code>make install</code> (needs npm) and restart the server.</p>
    <p>The document itself: <a href="/openapi.yaml">openapi.yaml</a>, <a href="/openapi.json">openapi.json</a>.</p>
  </body>
</html>
"""


class Documents:
    """Static answers, built once at start."""

    def __init__(self, openapi: Mapping[str, bytes], *, assets: Traversable) -> None:
        """Take the documents by the names of their files, which end in `.yaml` or `.json`."""
        script = assets.joinpath("standalone.js")
        html = "text/html; charset=utf-8"
        self._pages: dict[str, tuple[str, bytes]] = {
            f"/{name}": (f"application/{name.rpartition('.')[2]}", body) for name, body in openapi.items()
        }
        self._pages["/reference"] = (html, (_PAGE if script.is_file() else _MISSING).encode())
        if script.is_file():
            self._pages[SCRIPT_PATH] = ("text/javascript; charset=utf-8", script.read_bytes())

    @property
    def paths(self) -> Mapping[str, tuple[str, bytes]]:
        """Content type and body by path."""
        return self._pages

    async def __call__(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        """Send the page of the exchange's path."""
        exchange.quiet = True
        exchange.status = 200
        content_type, body = self._pages[exchange.path]
        headers = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if exchange.method == "HEAD" else body})
