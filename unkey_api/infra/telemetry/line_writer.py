"""Lines on their way to standard error, which may be a pipe that nobody empties.

Whoever logs puts a line into a bounded queue and goes on; a thread writes what is there. When the reader is slow, lines
wait; when the queue is full, the newest are dropped and counted, and one line tells how many as soon as it flows again.
A fork leaves the thread behind: it is stopped before and started again, in either process, with the next line.
"""

from __future__ import annotations

import os
import select
import threading
import weakref
from collections.abc import Callable
from typing import Protocol, TextIO

LINES_MAX = 10_000
BYTES_MAX = 8 * 2**20
LINGER_SECONDS = 0.005
"""How long the thread lets lines gather once one has come, so that a busy process is not interrupted for each."""
FORK_SECONDS = 0.5
"""How long a fork waits for lines under way; after that the parent keeps them and goes on writing later."""
_PORTION = 64 * 1024
_POLL_MS = 1_000


class LogOutput(Protocol):
    """Where finished lines go."""

    @property
    def dropped(self) -> int:
        """Lines lost so far."""
        ...

    def write(self, line: str) -> None:
        """Take one line, without its end. Never raises."""
        ...

    def flush(self, seconds: float) -> bool:
        """Wait until everything taken was written; False when that took longer than `seconds`."""
        ...


class DirectOutput:
    """Writes at once, to a stream that is no file of the system: memory."""

    dropped = 0

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        """Write one line in one piece, so that lines of several threads do not mix."""
        self._stream.write(line + "\n")

    def flush(self, seconds: float) -> bool:
        """Say that all is written."""
        self._stream.flush()
        return True


class LineWriter:
    """Writes lines to a file descriptor from a thread of its own. Safe to use from several threads."""

    def __init__(
        self,
        descriptor: int,
        *,
        notice: Callable[[int], str],
        lines_max: int = LINES_MAX,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        """`notice` makes the line that tells how many were dropped."""
        self._descriptor = descriptor
        self._notice = notice
        self._lines_max = lines_max
        self._bytes_max = bytes_max
        self._reset()
        me = weakref.ref(self)
        os.register_at_fork(
            before=lambda: _on(me, LineWriter._pause),
            after_in_child=lambda: _on(me, LineWriter._reset),
        )

    def _reset(self) -> None:
        """Begin with nothing: no thread, no line. What waited at a fork is the parent's to write."""
        self.dropped = 0
        """Lines lost so far: the queue was full or nobody reads any more."""
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lines: list[str] = []
        self._size = 0
        self._writing = False
        self._told = 0

    def write(self, line: str) -> None:
        """Take one line or drop it. Never waits, never raises."""
        with self._changed:
            if len(self._lines) >= self._lines_max or self._size + len(line) > self._bytes_max:
                self.dropped += 1
                return
            self._lines.append(line)
            self._size += len(line)
            if self._thread is None:
                self._start()
            elif len(self._lines) == 1:
                self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until everything taken was written; False when that took longer than `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._lines and not self._writing, timeout=seconds)

    def _start(self) -> None:
        self._stop.clear()
        thread = threading.Thread(target=self._run, name="log.lines", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending
            self.dropped += len(self._lines)
            self._lines, self._size = [], 0
            return
        self._thread = thread

    def _pause(self) -> None:
        """End the thread, so that a fork does not cut it in two. The next line starts another."""
        thread = self._thread
        if thread is None:
            return
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        thread.join(FORK_SECONDS)
        if not thread.is_alive():
            self._thread = None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._stop.is_set())
                if not self._lines:
                    self._thread = None
                    return
            self._stop.wait(LINGER_SECONDS)
            with self._changed:
                batch, self._lines, self._size = self._lines, [], 0
                self._writing = True
            written = self._write_out(batch)
            with self._changed:
                self.dropped += len(batch) - written
                lost, self._told = self.dropped - self._told, self.dropped
            if lost and written:
                self._write_out([self._notice(lost)])
            with self._changed:
                self._writing = False
                self._changed.notify_all()

    def _write_out(self, batch: list[str]) -> int:
        """Write lines, waiting as long as it takes. Return how many, 0 when nobody can ever read them."""
        data = memoryview("".join(f"{line}\n" for line in batch).encode("utf-8", "replace"))
        while data:
            try:
                data = data[os.write(self._descriptor, data[:_PORTION]) :]
            except BlockingIOError:  # a descriptor that somebody else has set not to wait
                poll = select.poll()
                poll.register(self._descriptor, select.POLLOUT)
                poll.poll(_POLL_MS)
            except OSError:
                return 0
        return len(batch)


def _on(reference: weakref.ref[LineWriter], act: Callable[[LineWriter], None]) -> None:
    writer = reference()
    if writer is not None:
        act(writer)
