"""Where a request enters: it gets an id, is handed to the part that serves its path, and is reported once it is over.

Everything that must also happen for a body that cannot be decoded, an unknown method or a client that left is done
here rather than in an interceptor, since such requests never reach the chain.

A path is looked up as it was sent. Nothing is unescaped, cleaned or redirected: what is not a route byte for byte is a
404. A second spelling of a route would be one that rules in front of the service do not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from unkey_api.core.addresses import Network, unmapped_network
from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.rpc.errors import Failure, failure_of
from unkey_api.rpc.http_json.encode import JSON, early_body, early_entry
from unkey_api.rpc.request_state import STATUS_CLIENT_CLOSED, Receive, RequestState, Scope, Send, enter, path_of

Endpoint = Callable[[RequestState, Receive, Send], Awaitable[None]]
Unobserved = Callable[[Scope, Receive, Send], Awaitable[None]]
"""Serves a path whose requests have no state: they are not logged, counted or asked for a credential."""
REQUEST_ID = "unkey.request_id"
"""Where the scope of a request has its id from the moment the application takes it."""
HTTP_JSON_PREFIX = "/v2/"
ObserverFailed = Callable[[RequestState, Exception], None]
"""Told about what an observer raised, which is a bug; must not raise itself."""
RPC_PREFIX = "/unkey."
NOT_FOUND = b"404 page not found\n"
METHOD_NOT_ALLOWED = b"Method Not Allowed\n"


class Observer(Protocol):
    """Hears about every request."""

    def complete(self, state: RequestState) -> None:
        """Note the end. Called exactly once, after the answer was sent or given up."""
        ...


@runtime_checkable
class Starting(Protocol):
    """What an observer has besides, that wants to hear of the start as well."""

    def begin(self, state: RequestState) -> None:
        """Note the start. Called before anything else happens to the request."""
        ...


class Routes:
    """Who serves what, on both surfaces."""

    def __init__(
        self,
        http: Mapping[str, Mapping[str, Endpoint]],
        rpc: Endpoint,
        unobserved: Mapping[str, Unobserved],
    ) -> None:
        """Take the HTTP routes (path → verb → endpoint), the endpoint of all RPC paths, and the rest by path."""
        self._http = http
        self._rpc = rpc
        self.unobserved = unobserved

    def endpoint(self, state: RequestState) -> Endpoint:
        """Return the endpoint of a request; there always is one, if only to say 404."""
        path = state.path
        verbs = self._http.get(path)
        if verbs is not None:
            verb = state.method
            return verbs.get(verb) or (verbs.get("GET") if verb == "HEAD" else None) or self._not_allowed
        return self._rpc if path.startswith(RPC_PREFIX) else _not_found

    async def _not_allowed(self, state: RequestState, receive: Receive, send: Send) -> None:
        verbs = sorted(self._http[state.path])
        allowed = ", ".join([*verbs, "HEAD"] if "GET" in verbs else verbs)
        await _plain(state, send, 405, METHOD_NOT_ALLOWED, [(b"allow", allowed.encode())])


class Edge:
    """The ASGI application: gives each request its `RequestState`, has it served and tells the observers."""

    def __init__(
        self,
        routes: Routes,
        *,
        clock: Clock,
        ids: IdSource,
        observers: Sequence[Observer],
        on_observer_error: ObserverFailed,
        proxies: tuple[Network, ...] = (),
    ) -> None:
        self._endpoint = routes.endpoint
        self._unobserved = routes.unobserved
        self._clock = clock
        self._ids = ids
        self._starts = tuple(o.begin for o in observers if isinstance(o, Starting))
        self._ends = tuple(o.complete for o in reversed(observers))
        self._on_observer_error = on_observer_error
        self._proxies = tuple(unmapped_network(each) for each in proxies)
        self.in_flight = 0
        """Requests being worked on right now."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope. Only HTTP is served; a WebSocket is refused."""
        if scope["type"] != "http":
            await _no_request(scope, receive, send)
            return
        unobserved = self._unobserved.get(path_of(scope))
        if unobserved is not None:
            await unobserved(scope, receive, send)
            return
        state = self._state(scope)
        enter(state)
        scope[REQUEST_ID] = state.request_id
        self.in_flight += 1
        self._tell(self._starts, state)
        try:
            await self._endpoint(state)(state, receive, send)
        except asyncio.CancelledError:
            state.status = state.status or STATUS_CLIENT_CLOSED
            raise
        except Exception as err:
            # The answer could not be written, or a bug outside the chain: the server closes the connection.
            state.failure = failure_of(err)
            state.status = state.status or 500
            raise
        finally:
            self.in_flight -= 1
            state.cut_bodies()
            if state.share is not None:
                state.share.give_back()
            state.seconds = self._clock.monotonic() - state.started_at
            self._tell(self._ends, state)

    def refused(self, scope: Scope, status: int, text: str) -> tuple[bytes, bytes] | None:
        """Take note of a request that the server itself refused, and say it as its surface does.

        Args:
            scope: That of the request, or what is known of one whose head was not even complete.
            status: HTTP status.
            text: A sentence for the caller.

        Returns:
            Content type and body; None where the surface has no form of its own, so that plain text is best.
        """
        request_id = scope.get(REQUEST_ID) or self._unread(scope, status, text).request_id
        if not path_of(scope).startswith(HTTP_JSON_PREFIX):
            return None
        return JSON, early_body(status, text, request_id)

    def _unread(self, scope: Scope, status: int, text: str) -> RequestState:
        """Report a request that never came to be one. It leaves a line and a count, no row."""
        state = self._state(scope)
        state.status, state.quiet = status, True
        state.failure = Failure(early_entry(status), text, "", "Refused")
        self._tell(self._ends, state)
        return state

    def _state(self, scope: Scope) -> RequestState:
        return RequestState(
            scope,
            request_id=self._ids.new(IdPrefix.REQUEST),
            started_ms=self._clock.now_ms(),
            started_at=self._clock.monotonic(),
            proxies=self._proxies,
        )

    def _tell(self, observers: Iterable[Callable[[RequestState], None]], state: RequestState) -> None:
        """Tell observers. One that raises costs its own note, not the request and not the notes of the others."""
        for observer in observers:
            try:
                observer(state)
            except Exception as err:  # noqa: BLE001 - whatever it is, the request has nothing to do with it
                self._on_observer_error(state, err)


async def _no_request(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a WebSocket; say yes to the lifespan, for the worker opens and closes everything around the listeners."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000})
    while scope["type"] == "lifespan":
        event = await receive()
        await send({"type": event["type"] + ".complete"})
        if event["type"] == "lifespan.shutdown":
            return


async def _not_found(state: RequestState, receive: Receive, send: Send) -> None:
    await _plain(state, send, 404, NOT_FOUND, [])


async def _plain(state: RequestState, send: Send, status: int, body: bytes, extra: list[tuple[bytes, bytes]]) -> None:
    state.quiet = True
    state.status = status
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-length", b"%d" % len(body)),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
