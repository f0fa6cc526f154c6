"""The bus itself: gathers changes, sends them over the best transport that works, hands on what is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from unkey_api.core.clock import Clock
from unkey_api.infra.invalidation.ports import (
    BusObserver,
    Handler,
    HeadListener,
    Invalidation,
    Transport,
    TransportDown,
)
from unkey_api.infra.invalidation.wire import MalformedMessage, Message, decode, encode

LOCAL = "local"
WINDOW_SECONDS = 0.1  # changes of a tenth of a second travel together
PENDING_MAX = 10_000  # a burst larger than that is left to the windows of the caches
KEEP_MS = 10_000  # older than this, entries have been refreshed anyway

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class BroadcastBus:
    """Sends over the first transport that is up and listens on all of them. Without any it keeps everything local.

    A change goes out at once when nothing did within the last tenth of a second, else at its end. Changes that find no
    transport up wait for ten seconds, at most ten thousand of them.
    """

    def __init__(
        self,
        transports: Sequence[Transport],
        *,
        origin: str,
        clock: Clock,
        observer: BusObserver,
        on_transport: Callable[[str], None] = lambda _: None,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        """Prepare; `run` does the work.

        Args:
            transports: In order of preference.
            origin: Names this process, among all that ever run at the same time.
            clock: Times changes. Delivery is timed with it too, so clocks of hosts should agree.
            observer: For metrics.
            on_transport: Told which transport is in use, and why not a better one, whenever that changes.
            window_seconds: Least time between two sendings.
        """
        self.observer = observer
        self._states = tuple(_TransportState(transport, self) for transport in transports)
        self._origin = origin
        self._clock = clock
        self._on_transport = on_transport
        self._window = window_seconds
        self._handlers: list[Handler] = []
        self._head_listeners: list[HeadListener] = []
        self._pending: dict[Invalidation, int] = {}
        self._heads: dict[int, int] = {}
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._closed = False
        self._described = ""
        self.note_change()

    @property
    def transport(self) -> str:
        """Name of the transport in use; `local` when there is none."""
        return next((state.transport.name for state in self._states if state.up), LOCAL)

    def publish(self, cache: str, key: str | None) -> None:
        """Tell the others soon. Never waits, never raises; may be lost. Call it after the commit."""
        if not self._states:
            return
        if len(self._pending) >= PENDING_MAX:
            self._drop_oldest()
        self._pending.setdefault(Invalidation(cache, key), self._clock.now_ms())
        self._wake.set()

    def publish_head(self, lane: int, revision: int) -> None:
        """Tell the others soon how far a lane of the log of changes is. As `publish` does."""
        if not self._states:
            return
        self._heads[lane] = max(revision, self._heads.get(lane, 0))
        self._wake.set()

    def subscribe(self, handler: Handler) -> None:
        """Call `handler` with what others have changed, never with what this process has."""
        self._handlers.append(handler)

    def subscribe_heads(self, listener: HeadListener) -> None:
        """Call `listener` with how far others have written the log of changes."""
        self._head_listeners.append(listener)

    async def wait_preferred(self, seconds: float) -> bool:
        """Return True once the preferred transport is up, False when that took longer. True at once without any."""
        try:
            async with asyncio.timeout(seconds):
                while self._states and not self._states[0].up:
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Have `run` send what is pending, and end."""
        self._closed = True
        self._wake.set()

    async def run(self) -> None:
        """Keep the transports up and send, until closed. Raises only on a bug."""
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(state.transport.run(state), name=state.transport.name) for state in self._states
            ]
            while not self._closed:
                await self._wake.wait()
                self._wake.clear()
                await self._flush()
                if not self._closed:
                    await asyncio.sleep(self._window)
            await self._flush()
            for task in running:
                task.cancel()

    async def _flush(self) -> None:
        state = next((state for state in self._states if state.up), None)
        if state is None or not (self._pending or self._heads):
            return
        pending, self._pending = self._pending, {}
        heads, self._heads = self._heads, {}
        too_old = self._clock.now_ms() - KEEP_MS
        young = {change: at for change, at in pending.items() if at >= too_old}
        for _ in range(len(pending) - len(young)):
            self.observer.on_broadcast_error(state.transport.name)
        messages = encode(
            young,
            heads=heads,
            origin=self._origin,
            changed_at_ms=min(young.values(), default=self._clock.now_ms()),
            bytes_max=state.transport.bytes_max,
        )
        for message in messages:
            if not await self._sent(state, message):
                self._keep(message, young)

    async def _sent(self, state: _TransportState, message: Message) -> bool:
        """Send one message. Returns False when it is to be tried again."""
        if not message.data:
            self.observer.on_broadcast_error(state.transport.name)
            return True
        if not state.up:
            return False
        try:
            await state.transport.send(message.data)
        except TransportDown as err:
            self.observer.on_broadcast_error(state.transport.name)
            state.went_down(str(err))
            return False
        for change in message.changes:
            self.observer.on_sent(change.cache, _action(change))
        return True

    def _keep(self, message: Message, times: dict[Invalidation, int]) -> None:
        for change in message.changes:
            if len(self._pending) < PENDING_MAX:
                self._pending.setdefault(change, times[change])
        self._wake.set()

    def _drop_oldest(self) -> None:
        del self._pending[next(iter(self._pending))]
        self.observer.on_broadcast_error(self.transport)

    def received(self, transport: str, data: bytes) -> None:
        """Take a message that came over a transport."""
        try:
            heard = decode(data)
        except MalformedMessage as err:
            _log.warning("message of the invalidation bus not understood", transport=transport, error=str(err))
            return
        if heard.origin == self._origin:
            for change in heard.changes:
                self.observer.on_received(change.cache, _action(change), "skipped_self")
            return
        self.observer.on_delivery(transport, max(0, self._clock.now_ms() - heard.changed_at_ms) / 1_000)
        for change in heard.changes:
            self.observer.on_received(change.cache, _action(change), self._handle(change))
        for lane, revision in heard.heads.items():
            for listener in self._head_listeners:
                listener(lane, revision)

    def _handle(self, change: Invalidation) -> str:
        try:
            known = [handler(change) for handler in self._handlers]
        except ValueError as err:
            _log.warning("invalidation not understood", cache=change.cache, error=str(err))
            return "error"
        return "handled" if any(known) else "skipped_unknown"

    def note_change(self) -> None:
        """Work out which transport is in use after a transport went up or down."""
        self._settled.set()
        self._wake.set()
        better = []
        for state in self._states:
            if state.up:
                break
            better.append(f"{state.transport.name} is not available: {state.trouble}")
        described = "; ".join([self.transport, *better])
        if described == self._described:
            return
        first, self._described = not self._described, described
        self._on_transport(described)
        if not first:
            report = _log.warning if better else _log.info
            report("cache invalidation", transport=described)


class _TransportState:
    """A transport and what it has said about itself. Satisfies `TransportEvents`."""

    def __init__(self, transport: Transport, bus: BroadcastBus) -> None:
        self.transport = transport
        self.up = False
        self.trouble = "not connected yet"
        self._bus = bus
        bus.observer.set_up(transport.name, up=False)

    def received(self, message: bytes) -> None:
        """Take a message."""
        self._bus.received(self.transport.name, message)

    def went_up(self) -> None:
        """Note that messages get through."""
        self._note(up=True, trouble="")

    def went_down(self, why: str) -> None:
        """Note that they no longer do."""
        self._note(up=False, trouble=why)

    def _note(self, *, up: bool, trouble: str) -> None:
        self.up, self.trouble = up, trouble
        self._bus.observer.set_up(self.transport.name, up=up)
        self._bus.note_change()


def _action(change: Invalidation) -> str:
    return "clear" if change.key is None else "remove"
