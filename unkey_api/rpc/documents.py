"""The OpenAPI documents and the page that shows the compatible one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from unkey_api.rpc.request_state import Receive, RequestState, Send

Headers = tuple[tuple[bytes, bytes], ...]

HTML = "text/html; charset=utf-8"
JAVASCRIPT = "text/javascript; charset=utf-8"
NO_SNIFFING: Headers = ((b"x-content-type-options", b"nosniff"),)
# People type root keys into the page, so the browser is told to load from and send to this server alone, whatever the
# viewer would like, and to show the page in no frame of others. Styles are inline because the viewer makes them.
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    b"font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
CONFINED: Headers = ((b"content-security-policy", POLICY), (b"referrer-policy", b"no-referrer"))


@dataclass(frozen=True, slots=True)
class Page:
    """One answer."""

    content_type: str
    body: bytes
    headers: Headers = NO_SNIFFING


class Documents:
    """Static answers, built once at start."""

    def __init__(self, openapi: Mapping[str, bytes], *, assets: Traversable) -> None:
        """Take the documents by the names of their files, which end in `.yaml` or `.json`.

        `assets` is the folder of the viewer. Where it has none, the page tells how to get it.
        """
        own = files("unkey_api").joinpath("assets", "reference")
        script = assets.joinpath("standalone.js")
        shown = "page.html" if script.is_file() else "missing.html"
        self._pages = {
            f"/{name}": Page(f"application/{name.rpartition('.')[2]}", body) for name, body in openapi.items()
        }
        self._pages["/reference"] = Page(HTML, own.joinpath(shown).read_bytes(), NO_SNIFFING + CONFINED)
        if script.is_file():
            self._pages["/reference/scalar.js"] = Page(JAVASCRIPT, script.read_bytes())
            self._pages["/reference/page.js"] = Page(JAVASCRIPT, own.joinpath("page.js").read_bytes())

    @property
    def paths(self) -> Collection[str]:
        """What there is an answer for."""
        return self._pages.keys()

    async def __call__(self, state: RequestState, receive: Receive, send: Send) -> None:
        """Send the page of the state's path."""
        state.quiet = True
        state.status = 200
        page = self._pages[state.path]
        headers = [
            (b"content-type", page.content_type.encode()),
            (b"content-length", b"%d" % len(page.body)),
            *page.headers,
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if state.method == "HEAD" else page.body})
