"""Where a request enters: it gets an id, is handed to the part that serves its path, and is reported once it is over.

Everything that must also happen for a body that cannot be decoded, an unknown method or a client that left is done
here rather than in an interceptor, since such requests never reach the chain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

from unkey_api.core.addresses import Network, unmapped_network
from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.rpc.asgi import Receive, Scope, Send
from unkey_api.rpc.errors import failure_of
from unkey_api.rpc.exchange import STATUS_CLIENT_CLOSED, Exchange, enter

Endpoint = Callable[[Exchange, Receive, Send], Awaitable[None]]
Router = Callable[[Exchange], Endpoint]
ObserverFailed = Callable[[Exchange, Exception], None]
"""Told about what an observer raised, which is a bug; must not raise itself."""


class Observer(Protocol):
    """Hears about every request."""

    def complete(self, exchange: Exchange) -> None:
        """Note the end. Called exactly once, after the answer was sent or given up."""
        ...


@runtime_checkable
class Starting(Protocol):
    """What an observer has besides, that wants to hear of the start as well."""

    def begin(self, exchange: Exchange) -> None:
        """Note the start. Called before anything else happens to the request."""
        ...


class Edge:
    """Gives each request its `Exchange` and tells the observers."""

    def __init__(
        self,
        router: Router,
        *,
        clock: Clock,
        ids: IdSource,
        observers: Sequence[Observer],
        on_observer_error: ObserverFailed,
        proxies: tuple[Network, ...] = (),
    ) -> None:
        self._router = router
        self._clock = clock
        self._ids = ids
        self._starts = tuple(o.begin for o in observers if isinstance(o, Starting))
        self._ends = tuple(o.complete for o in reversed(observers))
        self._on_observer_error = on_observer_error
        self._proxies = tuple(unmapped_network(each) for each in proxies)
        self.in_flight = 0
        """Requests being worked on right now."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        exchange = Exchange(
            scope,
            request_id=self._ids.new(IdPrefix.REQUEST),
            started_ms=self._clock.now_ms(),
            started_at=self._clock.monotonic(),
            proxies=self._proxies,
        )
        enter(exchange)
        self.in_flight += 1
        self._tell(self._starts, exchange)
        try:
            await self._router(exchange)(exchange, receive, send)
        except asyncio.CancelledError:
            exchange.status = exchange.status or STATUS_CLIENT_CLOSED
            raise
        except Exception as err:
            # The answer could not be written, or a bug outside the chain: the server closes the connection.
            exchange.failure = failure_of(err)
            exchange.status = exchange.status or 500
            raise
        finally:
            self.in_flight -= 1
            exchange.cut_bodies()
            if exchange.share is not None:
                exchange.share.give_back()
            exchange.seconds = self._clock.monotonic() - exchange.started_at
            self._tell(self._ends, exchange)

    def _tell(self, observers: Iterable[Callable[[Exchange], None]], exchange: Exchange) -> None:
        """Tell observers. One that raises costs its own note, not the request and not the notes of the others."""
        for observer in observers:
            try:
                observer(exchange)
            except Exception as err:  # noqa: BLE001 - whatever it is, the request has nothing to do with it
                self._on_observer_error(exchange, err)
