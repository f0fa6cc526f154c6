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
KILL_MARGIN_SECONDS = 5.0  # on top of both budgets of a worker, before it is killed
EXIT_STARTUP_FAILED = 3


@dataclass(slots=True)
class _Worker:
    index: int
    pid: int
    ready_fd: int
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
    log: Callable[[str], None]
    _workers: dict[int, _Worker] = field(default_factory=dict, init=False)
    _stopping: bool = field(default=False, init=False)
    _announced: bool = field(default=False, init=False)
    _exit_code: int = field(default=0, init=False)
    _deadline: float = field(default=0.0, init=False)
    _restarts: dict[int, float] = field(default_factory=dict, init=False)
    _alive_write: int = field(default=-1, init=False)

    def run(self) -> int:
        """Supervise until the last worker is gone. Returns the exit status: 0 after a requested stop."""
        alive_read, self._alive_write = os.pipe()
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        previous = signal.set_wakeup_fd(wake_write)
        handlers = {n: signal.signal(n, self._on_signal) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)}
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
        ready_read, ready_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            # Only the supervisor may hold the writing end: its end of life is how a worker notices.
            os.close(self._alive_write)
            self._run_child(index, ready_write, alive_read)
        os.close(ready_write)
        self._workers[pid] = _Worker(index, pid, ready_read)
        selector.register(ready_read, selectors.EVENT_READ)

    def _run_child(self, index: int, ready_fd: int, alive_fd: int) -> None:
        """Never returns."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
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
            self.log(f"worker {index} failed: {type(err).__name__}: {err}")
        finally:
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
            self._exit_code = self._exit_code or (1 if code else 0)
            return
        if not self._announced:
            self.log(f"worker {worker.index} could not start (status {code})")
            self._exit_code = EXIT_STARTUP_FAILED
            self._stop()
            return
        self.log(f"worker {worker.index} ended with status {code}; starting another")
        self._restarts[worker.index] = time.monotonic() + RESTART_DELAY_SECONDS
