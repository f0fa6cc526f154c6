"""A child process with an owner: it is ready when it answers, and gone when its owner is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from unkey_api.dev.folder import CannotStart
from unkey_api.dev.ports import LOOPBACK

GUARD = Path(__file__).with_name("guard.py")
POLL_SECONDS = 0.02  # between two looks whether a child answers; starts take tenths of a second
LOG_TAIL = 15  # lines of a child's log worth showing when it fails


class ChildFailed(CannotStart):
    """A child ended, or did not come up in time. The message says which, with the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """What to run and how to end it."""

    name: str
    command: Sequence[str]
    log: Path | None
    """Standard output and error go here, overwritten on each start; None leaves them on our terminal."""
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGTERM
    """What the kernel sends when we die without having stopped the child."""
    stop_timeout: timedelta = timedelta(seconds=10)
    """Time to end by itself; then it is killed."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to ours."""


class Child:
    """A running child process in a process group of its own, so that a Ctrl-C reaches us and not it."""

    def __init__(self, spec: ChildSpec, process: asyncio.subprocess.Process) -> None:
        self.spec = spec
        self._process = process
        self._asked_to_stop = False

    @property
    def pid(self) -> int:
        """Process id, which is the process group's id too."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Wait until it ends and return its exit status, negative for a signal."""
        return await self._process.wait()

    async def until_ready(self, ready: Callable[[], Awaitable[bool]], *, within: timedelta) -> None:
        """Poll `ready` until it says yes.

        Raises:
            ChildFailed: It ended, or time was up.
        """
        try:
            async with asyncio.timeout(within.total_seconds()):
                while not await ready():
                    if not self.running:
                        raise ChildFailed(self._story(f"ended at once with status {self._process.returncode}"))
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise ChildFailed(self._story(f"did not answer within {within.total_seconds():.0f} s")) from error

    async def stop(self) -> None:
        """End it and everything it started.

        Safe to repeat: a second call, after the first was cancelled, does not ask again but kills.
        """
        if self.running and not self._asked_to_stop:
            self._asked_to_stop = True
            self._signal(self.spec.stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), self.spec.stop_timeout.total_seconds())
        self._signal(signal.SIGKILL)  # what is left of the group
        await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _story(self, what: str) -> str:
        if self.spec.log is None:
            return f"{self.spec.name} {what}"
        return f"{self.spec.name} {what}; the end of {self.spec.log}:\n{log_tail(self.spec.log)}"


def log_tail(log: Path) -> str:
    """Return the last lines of a child's log, indented; a remark when there are none."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL:]
    except OSError:
        lines = []
    return "\n".join(f"    {line}" for line in lines or ["(nothing)"])


@asynccontextmanager
async def child_process(spec: ChildSpec) -> AsyncIterator[Child]:
    """Start a child; end it and its group on the way out, also when we are cancelled meanwhile.

    Raises:
        FileNotFoundError: There is no such command.
    """
    command = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), str(int(spec.orphan_signal)), *spec.command]
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(spec.log.open("wb")) if spec.log else None
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **spec.environment},
            start_new_session=True,
        )
    child = Child(spec, process)
    try:
        yield child
    finally:
        await _uninterrupted(child.stop())


async def _uninterrupted(work: Awaitable[None]) -> None:
    """Finish `work` even when we are cancelled again; then pass the cancellation on."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    task.result()


PROBE_SECONDS = 2  # for one try; the servers are on this machine


async def answers_http(port: int, path: str, *, host: str = LOOPBACK) -> bool:
    """Whether an HTTP server answers 200 on `path`."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except OSError:
        return False
