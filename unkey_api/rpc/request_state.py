"""One request on its way: what the edge, both surfaces and the interceptors share about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from unkey_api.core.addresses import Network, client_address, shown_address
from unkey_api.core.principal import Caller, Principal
from unkey_api.core.text import QUOTED_CHARS_MAX, shorten
from unkey_api.rpc.errors import Failure

Scope: TypeAlias = dict[str, Any]  # what a key holds depends on the key
Event: TypeAlias = dict[str, Any]  # the same; `type` says which keys there are
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]


Headers = list[tuple[bytes, bytes]]

STATUS_CLIENT_CLOSED = 499
KEPT_BODY_BYTES = 64 * 1024
"""What is kept of a body once its request is over: as much as a row holds. Queues of whole ones would fill memory."""


Answer = TypeVar("Answer")


def path_of(scope: Scope) -> str:
    """Return the path of a request as it was sent, escapes included, without the query."""
    raw: bytes | None = scope.get("raw_path")
    return scope["path"] if raw is None else str(raw, "latin-1")


class CachedResponse(Generic[Answer]):
    """An answer that may go to many requests. Its JSON is made for the first of them; nobody changes the message."""

    __slots__ = ("json", "message")

    def __init__(self, message: Answer) -> None:
        self.message = message
        self.json: bytes | None = None
        """The `data` of the HTTP/JSON answer, once it was made."""


class Share(Protocol):
    """A part of a budget."""

    def give_back(self) -> None:
        """Let others have it."""
        ...


class RequestState:
    """A request and what became of it. Made by the edge, one per request, never reused."""

    __slots__ = (
        "_client_ip",
        "_headers",
        "_proxies",
        "_request_id",
        "body_valid",
        "cached_response",
        "failure",
        "http_json",
        "method",
        "path",
        "principal",
        "quiet",
        "raised",
        "request_body",
        "request_bytes",
        "response_body",
        "response_headers",
        "scope",
        "seconds",
        "sent_headers",
        "share",
        "span",
        "started_at",
        "started_ms",
        "status",
    )

    def __init__(
        self, scope: Scope, *, request_id: str, started_ms: int, started_at: float, proxies: tuple[Network, ...] = ()
    ) -> None:
        self._request_id = request_id
        self._proxies = proxies
        self._client_ip: str | None = None
        self._headers: dict[bytes, bytes] | None = None
        self.scope = scope
        self.method: str = scope["method"]
        self.path = path_of(scope)
        """As it was sent: an escaped path is none of ours, whatever it would mean unescaped."""
        self.started_ms = started_ms
        """Unix time in milliseconds when the request line was read."""
        self.started_at = started_at
        """Monotonic seconds at the same moment."""
        self.seconds = 0.0
        """How long the request took; known once it is over."""
        self.principal: Principal | None = None
        self.failure: Failure | None = None
        """What ended the request, if it did not succeed."""
        self.raised: BaseException | None = None
        """The exception behind `failure` while somebody holds on to it who must let go of it in the end."""
        self.http_json = False  # or whether it came over the RPC surface
        self.cached_response: CachedResponse[Any] | None = None
        """Where the JSON of the answer stays, when the same answer is given to many requests."""
        self.quiet = False
        """Set to keep the request out of the analytics rows."""
        self.span: object = None  # of the request, when tracing is on
        self.status = 0
        """HTTP status sent; 0 until the answer starts."""
        self.request_body = b""
        self.request_bytes = 0
        """Size of the body as far as it was read; `request_body` may have been cut."""
        self.body_valid = False
        """Whether the body was decoded and obeys its rules; until then nothing is known of what is in it."""
        self.share: Share | None = None
        """What the body takes of the budgets for heavy ones; the edge gives it back."""
        self.response_body = b""
        self.response_headers: Headers = []
        """Headers that handlers and interceptors add to the answer, on either surface."""
        self.sent_headers: Headers = []
        """All headers of the answer, as far as the application sends them."""

    @property
    def request_id(self) -> str:
        """Identity of the request, `req_…`; fresh for each one, never taken from the caller."""
        return self._request_id

    @property
    def headers(self) -> Mapping[bytes, bytes]:
        """The request's headers by their names in lower case; of several with one name, the first."""
        if self._headers is None:
            self._headers = dict(reversed(self.scope["headers"]))
        return self._headers

    def header(self, name: bytes) -> str | None:
        """Return the first value of a header, given in lower case, or None."""
        value = self.headers.get(name)
        return None if value is None else str(value, "latin-1")

    @property
    def cookies(self) -> str | None:
        """The Cookie header, or None. HTTP/2 may send it in pieces; they are joined."""
        found = [str(value, "latin-1") for key, value in self.scope["headers"] if key == b"cookie"]
        return "; ".join(found) if found else None

    @property
    def client_ip(self) -> str:
        """Address of the caller, worked out on first use; empty where the peer has none, as on a UNIX socket.

        The socket's peer, unless that is a trusted proxy; see `client_address`, which reads `X-Forwarded-For` then.
        """
        if self._client_ip is None:
            peer = self.scope.get("client")
            peer_address = str(peer[0]) if peer else ""
            if self._proxies:
                lines = [v for k, v in self.scope["headers"] if k == b"x-forwarded-for"]
                address = client_address(peer_address, lines, self._proxies)
                self._client_ip = "" if address is None else str(address)
            else:
                self._client_ip = shown_address(peer_address)
        return self._client_ip

    @property
    def user_agent(self) -> str:
        """The caller's `User-Agent`, shortened when it is long, empty when there is none."""
        text = self.header(b"user-agent") or ""
        return text if len(text) <= QUOTED_CHARS_MAX else shorten(text)  # every caller is told of, so no further call

    @property
    def host(self) -> str:
        """The host the caller asked, shortened when it is long, empty when there is none."""
        return shorten(self.header(b"host") or "")

    @property
    def shown_path(self) -> str:
        """The path as it may be quoted: shortened when it is long."""
        return shorten(self.path)

    def cut_bodies(self) -> None:
        """Keep only the beginning of long bodies. The edge does so when a request is over, before anybody queues it."""
        if len(self.request_body) > KEPT_BODY_BYTES:
            self.request_body = self.request_body[:KEPT_BODY_BYTES]
        if len(self.response_body) > KEPT_BODY_BYTES:
            self.response_body = self.response_body[:KEPT_BODY_BYTES]

    def caller(self) -> Caller:
        """Return who called and from where. Only meaningful once authentication has run."""
        if self.principal is None:
            msg = "caller() before authentication"
            raise RuntimeError(msg)
        return Caller(self.principal, self._request_id, self.client_ip, self.user_agent)


_current: ContextVar[RequestState] = ContextVar("unkey_request")


def enter(state: RequestState) -> None:
    """Make `state` the current one of this task. Only the edge calls it."""
    _current.set(state)


def current_request() -> RequestState:
    """Return the state of the running request."""
    return _current.get()


def running_request() -> RequestState | None:
    """Return the state of the running request, or None outside of requests."""
    return _current.get(None)


def running_route() -> str:
    """Return verb and path of the running request, empty outside of requests.

    Only what reaches a handler asks for it, so the path is one of the routes.
    """
    state = _current.get(None)
    return "" if state is None else f"{state.method} {state.path}"


def answer_cached(kept: CachedResponse[Answer]) -> Answer:
    """Return the message for the running request, whose surface may then keep its JSON."""
    _current.get().cached_response = kept
    return kept.message


def current_caller() -> Caller:
    """Return the authenticated caller of the running request. Handlers call it; nothing below them does."""
    return _current.get().caller()
