"""`unkey-api dev`: the whole service on one machine, from nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdSource
from unkey_api.dev.demo import welcome
from unkey_api.dev.folder import ANY_ADDRESS, CannotStart, DevOptions, locked_folder
from unkey_api.dev.ports import LOOPBACK, is_free
from unkey_api.dev.process import POLL_SECONDS, ChildFailed, ChildSpec, answers_http, child_process
from unkey_api.dev.stack import Say, Stack, running_stack
from unkey_api.infra.mysql.migrations import MigrationError

Serve = Callable[[Path, asyncio.Event], Awaitable[None]]
"""Serves with a configuration file until the event is set; returns once everything is closed."""

PORT_MAX = 65_535
SERVE_LIMIT = timedelta(seconds=60)  # from the start of the service to its first answer
STOP_LIMIT = timedelta(seconds=90)  # what the service itself allows for draining


async def run_dev(options: DevOptions, *, clock: Clock, ids: IdSource, say: Say, serve: Serve) -> int:
    """Start the stack and the service, tell how to use them, and run until SIGINT or SIGTERM.

    Return the exit status: 0 after a stop that was asked for, 1 with a message when something could not start or ended
    by itself. Nothing that was started is left running, whichever way it ends.
    """
    reach_loopback_directly(os.environ)
    interrupts = _Interrupts()
    began = clock.monotonic()
    try:
        with interrupts.handled(), locked_folder(options.data_dir):
            _check_ports(options)
            async with running_stack(options, clock=clock, ids=ids, say=say) as stack:
                say("starting the service")

                def greet() -> None:
                    seconds = clock.monotonic() - began
                    say(welcome(options, stack.demo, seconds=seconds, first_start=stack.first_start))

                await _serve(options, stack, interrupts, serve, greet)
                say("stopping")
    except (CannotStart, MigrationError) as error:
        say(f"unkey-api dev cannot go on: {error}")
        return 1
    except asyncio.CancelledError:
        if not interrupts.stop.is_set():
            raise
        say("stopped before everything was ready")
    return 0


class _Interrupts:
    """SIGINT and SIGTERM: a request to stop while serving; before that, and the second time, a cancellation."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.serving = False
        self._task = asyncio.current_task()

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Take the signals over until the end of the block."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self._on_signal)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    def _on_signal(self) -> None:
        again = self.stop.is_set()
        self.stop.set()
        if self._task is not None and (again or not self.serving):
            self._task.cancel()


async def _serve(
    options: DevOptions, stack: Stack, interrupts: _Interrupts, serve: Serve, greet: Callable[[], None]
) -> None:
    """Serve until stopped; greet when the first request is answered."""
    host = LOOPBACK if options.host in ANY_ADDRESS else options.host
    interrupts.serving = True
    service = asyncio.ensure_future(serve(stack.config, interrupts.stop))
    try:
        await _until_answered(service, options.http_port, host)
        if not service.done():
            greet()
        await service
    finally:
        if not service.done():
            service.cancel()
            await asyncio.wait([service])
    if not interrupts.stop.is_set():
        raise CannotStart("the service ended by itself")


async def _until_answered(service: asyncio.Future[None], port: int, host: str) -> None:
    """Wait for the first answer or the end of the service."""
    try:
        async with asyncio.timeout(SERVE_LIMIT.total_seconds()):
            while not service.done() and not await answers_http(port, "/health/live", host=host):
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise CannotStart(f"the service did not answer within {SERVE_LIMIT.total_seconds():.0f} s") from error


def _check_ports(options: DevOptions) -> None:
    """Refuse before anything is started, while the message still stands alone."""
    named = {"--port": options.http_port, "--http2-port": options.http2_port}
    for option, port in named.items():
        if port and not is_free(port, options.host):
            raise CannotStart(
                f"port {port} on {options.host} is taken.\n"
                f"Stop what listens there (`ss -ltnp 'sport = :{port}'` names it) or choose another port:\n"
                f"  make run ARGS='{option} {port + 1000 if port < PORT_MAX - 1000 else port - 1000}'"
            )


def in_child(command: Sequence[str]) -> Serve:
    """Return a `Serve` that runs `command --config FILE` as a child; its output goes to our terminal.

    The returned function raises `ChildFailed` when the child ends by itself, with another status than 0.
    """

    async def serve(config: Path, stop: asyncio.Event) -> None:
        spec = ChildSpec(
            name=" ".join(command[-2:]), command=[*command, "--config", str(config)], log=None, stop_timeout=STOP_LIMIT
        )
        async with child_process(spec) as child:
            ended = asyncio.ensure_future(child.wait())
            stopped = asyncio.ensure_future(stop.wait())
            try:
                await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopped.cancel()
                await child.stop()
                status = await ended
        if status and not stop.is_set():
            raise ChildFailed(f"{spec.name} ended with status {status}")

    return serve


async def serve_in_child(config: Path, stop: asyncio.Event) -> None:
    """Run `unkey-api serve` as a child until `stop` is set. See `in_child`."""
    await in_child(serve_command())(config, stop)


def serve_command() -> list[str]:
    """Return the command that serves: the script that was installed beside our interpreter."""
    return [str(Path(sys.executable).with_name("unkey-api")), "serve"]


def reach_loopback_directly(environment: MutableMapping[str, str]) -> None:
    """Keep a proxy that the environment names away from the stores on this machine."""
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(filter(None, [environment.get(name), LOOPBACK, "localhost"]))
