"""The parent process: forks workers, replaces those that die, passes signals on and waits for the end."""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from unkey_api.server.http1.starting import new_event_loop
from unkey_api.server.sockets import WorkerSockets
from unkey_api.server.worker import OpenApp, WorkerOptions, run_worker

RESTART_DELAY_SECONDS = 1.0  # a worker that dies at once must not spin
RESTART_DELAY_MOST_SECONDS = 30.0
STABLE_SECONDS = 60.0  # a worker that lived so long did not die of how it starts
KILL_MARGIN_SECONDS = 5.0  # on top of both budgets of a worker, before it is killed
EXIT_STARTUP_FAILED = 3
_HANDLED = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})


@dataclass(slots=True)
class _Worker:
    index: int
    pid: int
    ready_fd: int
    started_at: float
    ready: bool = False


@dataclass(slots=True)
class Supervisor:
    """Runs workers until a signal, then drains them.

    A worker that fails before any worker has ever served ends everything: the cause will not go away by itself.
    """

    open_app: OpenApp
    sockets: list[WorkerSockets]
    options: WorkerOptions
    on_ready: Callable[[], None]
    """Called once, when every worker serves."""
    log: Callable[..., None]
    """Takes a sentence and fields."""
    flush: Callable[[], object]
    """Waits, for a bounded time, until what a worker logged was written; called at its end."""
    _workers: dict[int, _Worker] = field(default_factory=dict, init=False)
    _stopping: bool = field(default=False, init=False)
    _announced: bool = field(default=False, init=False)
    _exit_code: int = field(default=0, init=False)
    _deadline: float = field(default=0.0, init=False)
    _restarts: dict[int, float] = field(default_factory=dict, init=False)
    _crashes: dict[int, int] = field(default_factory=dict, init=False)
    """How often the workers of an index died in a row, each soon after it was started."""
    _alive_write: int = field(default=-1, init=False)

    def run(self) -> int:
        """Supervise until the last worker is gone. Returns the exit status: 0 after a requested stop."""
        alive_read, self._alive_write = os.pipe()
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        previous = signal.set_wakeup_fd(wake_write)
        handlers = {n: signal.signal(n, self._on_signal) for n in _HANDLED}
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(wake_read, selectors.EVENT_READ)
                for index in range(len(self.sockets)):
                    self._fork(index, selector, alive_read)
                while self._workers or (self._restarts and not self._stopping):
                    self._turn(selector, wake_read, alive_read)
        finally:
            signal.set_wakeup_fd(previous)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            for descriptor in (alive_read, self._alive_write, wake_read, wake_write):
                os.close(descriptor)
        return self._exit_code

    def _turn(self, selector: selectors.BaseSelector, wake_read: int, alive_read: int) -> None:
        for key, _ in selector.select(timeout=0.2):
            if key.fd == wake_read:
                os.read(wake_read, 4096)
            else:
                self._note_ready(key.fd, selector)
        self._reap(selector)
        now = time.monotonic()  # the supervisor has no injected clock: it runs before there is anything to inject into
        for index, due in list(self._restarts.items()):
            if due <= now and not self._stopping:
                del self._restarts[index]
                self._fork(index, selector, alive_read)
        if self._stopping and now > self._deadline:
            self._signal_all(signal.SIGKILL)

    def _on_signal(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD and not self._stopping:
            self._stop()

    def _stop(self) -> None:
        self._stopping = True
        budget = 2 * self.options.shutdown_timeout.total_seconds() + KILL_MARGIN_SECONDS
        self._deadline = time.monotonic() + budget
        # Our copies must go first, or the kernel would go on queueing connections nobody will accept.
        for sockets in self.sockets:
            sockets.close()
        self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        for pid in self._workers:
            os.kill(pid, number)

    def _fork(self, index: int, selector: selectors.BaseSelector, alive_read: int) -> None:
        # A stop between the fork and its entry in the list would miss the new worker, so signals wait that long.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        try:
            if self._stopping:
                return
            ready_read, ready_write = os.pipe()
            pid = os.fork()
            if pid == 0:
                # Only the supervisor may hold the writing end: its end of life is how a worker notices.
                os.close(self._alive_write)
                self._run_child(index, ready_write, alive_read)
            os.close(ready_write)
            self._workers[pid] = _Worker(index, pid, ready_read, time.monotonic())
            selector.register(ready_read, selectors.EVENT_READ)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _run_child(self, index: int, ready_fd: int, alive_fd: int) -> None:
        """Never returns."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        for other, sockets in enumerate(self.sockets):
            if other != index:
                sockets.close()
        status = 1
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(
                    run_worker(
                        self.open_app,
                        index,
                        self.sockets[index],
                        ready_fd=ready_fd,
                        parent_fd=alive_fd,
                        options=self.options,
                    )
                )
            status = 0
        except BaseException as err:  # noqa: BLE001 - the end of the process: report whatever ended it
            self.log("worker failed", worker=index, error=err)
        finally:
            self.flush()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _note_ready(self, descriptor: int, selector: selectors.BaseSelector) -> None:
        byte = os.read(descriptor, 1)
        selector.unregister(descriptor)
        os.close(descriptor)
        for worker in self._workers.values():
            if worker.ready_fd == descriptor:
                worker.ready_fd = -1
                worker.ready = bool(byte)
        if not self._announced and self._workers and all(w.ready for w in self._workers.values()):
            self._announced = True
            self.on_ready()

    def _reap(self, selector: selectors.BaseSelector) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            worker = self._workers.pop(pid, None)
            if worker is None:
                continue
            if worker.ready_fd >= 0:
                self._note_ready(worker.ready_fd, selector)
            self._after_exit(worker, os.waitstatus_to_exitcode(status))

    def _after_exit(self, worker: _Worker, code: int) -> None:
        if self._stopping:
            # One that was told to stop before it could listen to signals dies of the signal, which is no failure.
            self._exit_code = self._exit_code or (0 if code in {0, -signal.SIGTERM} else 1)
            return
        if not self._announced:
            self.log("worker could not start", worker=worker.index, exit_code=code)
            self._exit_code = EXIT_STARTUP_FAILED
            self._stop()
            return
        now = time.monotonic()
        crashes = self._crashes.get(worker.index, 0) + 1 if now - worker.started_at < STABLE_SECONDS else 1
        self._crashes[worker.index] = crashes
        wait = restart_delay(crashes)
        self.log("worker ended; starting another", worker=worker.index, exit_code=code, retry_seconds=wait)
        self._restarts[worker.index] = now + wait


def restart_delay(crashes: int) -> float:
    """Return the seconds to wait before a worker is started that died so often in a row: 1, 2, 4, … at most 30."""
    return min(RESTART_DELAY_SECONDS * 2.0 ** min(crashes - 1, 10), RESTART_DELAY_MOST_SECONDS)
