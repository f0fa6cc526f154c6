"""Log lines never make anybody wait, none is lost unnoticed, and a fork does not get in the way."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator

import pytest

from unkey_api.infra.telemetry.line_writer import LineWriter

LONG = 30.0


def notice(count: int) -> str:
    return f"dropped {count}"


class Pipe:
    """A pipe whose reader may sleep."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.room: int = fcntl.fcntl(self.writing, fcntl.F_GETPIPE_SZ)

    def fill(self) -> None:
        """Put in as much as there is room for, so that the next write waits."""
        os.set_blocking(self.writing, False)
        try:
            while True:
                os.write(self.writing, b"." * 4096)
        except BlockingIOError:
            pass
        os.set_blocking(self.writing, True)

    def drained(self) -> bytes:
        """Return everything until the other end is closed."""
        parts = []
        while part := os.read(self.reading, 65536):
            parts.append(part)
        return b"".join(parts)

    def close_writing(self) -> None:
        os.close(self.writing)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    for descriptor in (made.reading, made.writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_lines_arrive_whole_and_in_order_from_several_threads(pipe: Pipe) -> None:
    writer = LineWriter(pipe.writing, notice=notice)

    def work(name: str) -> None:
        for number in range(200):
            writer.write(f"{name} {number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.flush(LONG)
    pipe.close_writing()
    lines = pipe.drained().decode().splitlines()
    for name in "abc":
        assert [line for line in lines if line.startswith(name)] == [f"{name} {number}" for number in range(200)]
    assert (len(lines), writer.dropped) == (600, 0)


def test_reader_who_sleeps_costs_lines_and_is_told_how_many(pipe: Pipe) -> None:
    pipe.fill()
    writer = LineWriter(pipe.writing, notice=notice, lines_max=5)
    for number in range(1_000):
        writer.write(f"line {number}")  # would never return if it waited for the reader
    assert not writer.flush(0.01)
    dropped = writer.dropped
    assert 0 < 1_000 - dropped <= 10  # what waits, and what the thread has taken already
    reader: list[bytes] = []
    thread = threading.Thread(target=lambda: reader.append(pipe.drained()))
    thread.start()
    assert writer.flush(LONG)
    pipe.close_writing()
    thread.join()
    lines = reader[0].lstrip(b".").decode().splitlines()
    assert len([line for line in lines if line.startswith("line")]) == 1_000 - dropped
    assert sum(int(line.split()[1]) for line in lines if line.startswith("dropped")) == dropped


def test_size_is_bounded_too(pipe: Pipe) -> None:
    pipe.fill()
    writer = LineWriter(pipe.writing, notice=notice, bytes_max=1_000)
    for _ in range(100):
        writer.write("x" * 400)
    assert 100 - writer.dropped <= 4


def test_reader_who_left_costs_lines_and_nothing_else(pipe: Pipe) -> None:
    os.close(pipe.reading)
    writer = LineWriter(pipe.writing, notice=notice)
    writer.write("nobody")
    assert writer.flush(LONG)
    assert writer.dropped == 1


def test_descriptor_that_does_not_wait_is_waited_for(pipe: Pipe) -> None:
    pipe.fill()
    os.set_blocking(pipe.writing, False)
    writer = LineWriter(pipe.writing, notice=notice)
    writer.write("late")
    assert not writer.flush(0.01)
    os.read(pipe.reading, pipe.room)
    assert writer.flush(LONG)
    assert writer.dropped == 0


def test_both_sides_of_a_fork_go_on(pipe: Pipe) -> None:
    writer = LineWriter(pipe.writing, notice=notice)
    writer.write("before")
    pid = os.fork()
    if pid == 0:
        writer.write("child")
        os._exit(0 if writer.flush(LONG) else 1)
    assert writer._thread is None  # none was cut in two
    writer.write("parent")
    assert os.waitpid(pid, 0)[1] == 0
    assert writer.flush(LONG)
    pipe.close_writing()
    assert sorted(pipe.drained().decode().splitlines()) == ["before", "child", "parent"]


def test_fork_while_the_reader_sleeps_loses_nothing(pipe: Pipe) -> None:
    pipe.fill()
    writer = LineWriter(pipe.writing, notice=notice)
    writer.write("before")
    pid = os.fork()
    if pid == 0:
        os._exit(0 if not writer.dropped else 1)
    assert os.waitpid(pid, 0)[1] == 0
    reader: list[bytes] = []
    thread = threading.Thread(target=lambda: reader.append(pipe.drained()))
    thread.start()
    writer.write("after")
    assert writer.flush(LONG)
    pipe.close_writing()
    thread.join()
    assert reader[0].lstrip(b".").decode().splitlines() == ["before", "after"]
