"""One worker: opens the application, serves it until told to stop, drains, closes."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from unkey_api.core.addresses import Network
from unkey_api.core.clock import SystemClock
from unkey_api.rpc.health import Health, Phase
from unkey_api.server.http1.connections import Form, no_form
from unkey_api.server.http1.listener import Http1Listener
from unkey_api.server.http2.listener import Http2Listener
from unkey_api.server.listeners import Listener, TlsFiles
from unkey_api.server.sockets import WorkerSockets
from unkey_api.server.turns import Turns
from unkey_api.settings.limits import LimitSettings

# With the interpreter's defaults (700, 10, 10) what running requests hold is looked at again and again, which costs
# more than the little garbage that is made in cycles. But a collection halts everybody: the youngest generation of this
# size takes a millisecond or two, the one after it, when a connection of many streams was lost, ten.
GC_THRESHOLDS = (2_000, 5, 100)
# How long a thread that decodes a large body may keep the interpreter from the event loop, which asks for it anew with
# every socket that has something to say: with the default of five milliseconds, twenty callers wait for 100 ms.
SWITCH_SECONDS = 0.000_5
# At the end of the time for running requests, in which those that still wait are told that nothing will come of it.
LAST_WORD_SECONDS, LAST_WORD_SHARE = 1.0, 0.1


@dataclass(frozen=True, slots=True)
class Served:
    """An opened application."""

    app: Any  # any ASGI application
    health: Health
    failed: asyncio.Event
    """Set when something in the background died that the service cannot do without."""
    metrics: Callable[[], bytes] = bytes
    """Renders the metrics in the text format of Prometheus."""
    watch_listener: Callable[[str, Http1Listener | Http2Listener], None] = lambda _name, _listener: None
    """Takes a listener, by name, whose connections are to appear in the metrics."""
    give_up: Callable[[], None] = lambda: None
    """Has every request that still waits for something fail, so that it is answered."""
    refused: Form = no_form
    """Hears of requests that a listener refuses by itself, and puts their answers into words."""


OpenApp = Callable[[int], AbstractAsyncContextManager[Served]]
"""Opens the application of the worker with this index. Leaving closes it: buffers, then stores, telemetry last."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker serves."""

    shutdown_timeout: timedelta
    """Budget for running requests, and again for closing stores."""
    tls: TlsFiles | None = None
    limits: LimitSettings = field(default_factory=LimitSettings)
    proxies: tuple[Network, ...] = ()
    """Networks whose connections are not counted per address."""


async def run_worker(
    open_app: OpenApp, index: int, sockets: WorkerSockets, *, ready_fd: int, parent_fd: int, options: WorkerOptions
) -> None:
    """Serve until SIGTERM, SIGINT or the end of the supervisor.

    Writes one byte to `ready_fd` when requests are served; the end of `parent_fd` means that the supervisor is gone.
    Running requests get `shutdown_timeout` to finish or to hear that they will not, closing the stores gets it a second
    time. A stop that comes while the application is still being opened gives that up.
    """
    _allow_many_files()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_reader(parent_fd, stop.set)
    budget = options.shutdown_timeout.total_seconds()
    opened = open_app(index)
    served = await _entered(opened, stop)
    if served is None:
        return
    try:
        _settle()
        listeners = await _listen(served, sockets, options)
        served.health.phase = Phase.SERVING
        os.write(ready_fd, b"1")
        await _first(stop, served.failed)
        served.health.phase = Phase.STOPPING
        loop.remove_reader(parent_fd)
        last_word = loop.call_later(budget - min(LAST_WORD_SECONDS, LAST_WORD_SHARE * budget), served.give_up)
        await asyncio.gather(*(listener.drain() for listener in listeners))
        last_word.cancel()
    finally:
        async with asyncio.timeout(budget):
            await opened.__aexit__(None, None, None)
    if served.failed.is_set():
        msg = "a background service failed"
        raise RuntimeError(msg)


async def _entered(opened: AbstractAsyncContextManager[Served], stop: asyncio.Event) -> Served | None:
    """Enter in this task, which has to leave it as well; None when the stop came first, and everything is closed."""
    entering = asyncio.current_task()
    assert entering is not None  # noqa: S101 - a coroutine always runs in one
    stopped = asyncio.ensure_future(stop.wait())
    stopped.add_done_callback(lambda done: None if done.cancelled() else entering.cancel())
    try:
        return await opened.__aenter__()
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
        entering.uncancel()
        return None
    finally:
        stopped.cancel()


def _allow_many_files() -> None:
    """Raise the limit of open files as far as one may: every connection is one, and a shell allows a thousand."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _settle() -> None:
    """Let requests halt each other as little as possible.

    What was built for good is taken out of the collector's sight, so that no collection walks over it again.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _listen(served: Served, sockets: WorkerSockets, options: WorkerOptions) -> list[Listener]:
    budget, tls, limits, proxies = options.shutdown_timeout, options.tls, options.limits, options.proxies
    turns = Turns(SystemClock())
    http1 = Http1Listener(
        served.app, sockets.http1, budget=budget, tls=tls, limits=limits, proxies=proxies, turns=turns
    )
    http1.form = served.refused
    served.watch_listener("http1", http1)
    listeners: list[Listener] = [http1]
    if sockets.http2 is not None:
        http2 = Http2Listener(
            served.app, sockets.http2, budget=budget, tls=tls, limits=limits, proxies=proxies, turns=turns
        )
        http2.http1 = http1.protocol
        served.watch_listener("http2", http2)
        listeners.append(http2)
    for listener in listeners:
        await listener.start()
    return listeners


async def _first(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
