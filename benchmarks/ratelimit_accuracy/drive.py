"""Starting the processes and putting a case to them."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.ratelimit_accuracy.cases import Case
from benchmarks.ratelimit_accuracy.protocol import ASK, RESULT_BYTES, RUN, Command, unpack_result

ROOT = Path(__file__).parent.parent.parent
START_MS = 1_750_000_200_000  # the start of a window of every duration in use
GAP_SECONDS = 0.001  # between requests when paced; by their own times it is at least twenty times as much
PACED_REQUESTS = 3_000  # cases with more have limits large enough not to need it
LEAD_MS = 300  # between the order to run and its first request


class Outcome(NamedTuple):
    """What came of a case."""

    case: Case
    asked: int
    admitted: int
    busy: int
    """Processes that were asked anything."""
    seconds: float
    """By the clock of the machine."""

    @property
    def within(self) -> bool:
        """Whether as many were admitted as may be, and every process took part."""
        low, high = self.case.bounds
        return low <= self.admitted <= high and self.busy == self.case.processes

    @property
    def over(self) -> float:
        """Share of the ideal admitted on top of it."""
        return max(0, self.admitted - self.case.ideal) / self.case.ideal

    @property
    def under(self) -> float:
        """Share of the ideal that was not admitted."""
        return max(0, self.case.ideal - self.admitted) / self.case.ideal


class Process:
    """A process at work."""

    def __init__(self, url: str) -> None:
        self._child = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "benchmarks.ratelimit_accuracy.node", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=ROOT,
            env={"PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}", "PATH": "/usr/bin:/bin"},
        )

    def send(self, command: Command) -> None:
        """Give an order."""
        assert self._child.stdin is not None  # noqa: S101 - for the type checker
        self._child.stdin.write(command.pack())

    def receive(self) -> tuple[int, int]:
        """Wait for the answer to the oldest order."""
        assert self._child.stdout is not None  # noqa: S101 - for the type checker
        record = b""
        while len(record) < RESULT_BYTES:
            piece = self._child.stdout.read(RESULT_BYTES - len(record))
            if not piece:
                raise RuntimeError(f"a process ended with {self._child.wait()}")
            record += piece
        return unpack_result(record)

    def end(self) -> None:
        """Close its input and wait."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


@contextmanager
def processes(url: str, count: int) -> Iterator[Sequence[Process]]:
    """Run so many processes on the Redis at `url`."""
    with ExitStack() as stack:
        started = [Process(url) for _ in range(count)]
        for each in started:
            stack.callback(each.end)
        for each in started:
            each.send(Command(RUN, 0, 1, 1_000, 0, requests=0))
        for each in started:
            each.receive()
        yield started


def put(case: Case, nodes: Sequence[Process], identifier: int, *, paced: bool = False) -> Outcome:
    """Put the case to the first processes, on a counter of its own; `paced` as for `_driven`."""
    began = time.monotonic()
    if case.free:
        results = _free(case, nodes[: case.processes], identifier)
    else:
        results = _driven(case, nodes[: case.processes], identifier, paced=paced)
    return Outcome(
        case,
        asked=sum(asked for asked, _ in results),
        admitted=sum(admitted for _, admitted in results),
        busy=sum(asked > 0 for asked, _ in results),
        seconds=time.monotonic() - began,
    )


def _driven(case: Case, nodes: Sequence[Process], identifier: int, *, paced: bool) -> list[tuple[int, int]]:
    """Ask one request at a time.

    As fast as possible: far faster than by the requests' own times, and on an idle machine still slower than processes
    hear of each other. Where others are at work they may not: when paced, requests are at least `GAP_SECONDS` apart.
    """
    gap = GAP_SECONDS if paced and case.total <= PACED_REQUESTS else 0.0
    draw = random.Random(identifier)  # noqa: S311 - the same requests on every run
    results = [(0, 0)] * len(nodes)
    start_ms = START_MS if case.aligned else START_MS + 337
    for number in range(case.total):
        if gap:
            time.sleep(gap)
        which = draw.randrange(len(nodes))
        now_ms = start_ms + number * 1_000 // case.per_second
        nodes[which].send(Command(ASK, identifier, case.limit, case.duration_s * 1_000, now_ms))
        asked, admitted = nodes[which].receive()
        results[which] = results[which][0] + asked, results[which][1] + admitted
    return results


def _free(case: Case, nodes: Sequence[Process], identifier: int) -> list[tuple[int, int]]:
    duration_ms = case.duration_s * 1_000
    first_ms = -(-(time.time_ns() // 1_000_000 + LEAD_MS) // duration_ms) * duration_ms
    for index, node in enumerate(nodes):
        share = case.total // len(nodes) + (index < case.total % len(nodes))
        node.send(
            Command(RUN, identifier, case.limit, duration_ms, first_ms, requests=share, span_ms=case.seconds * 1_000)
        )
    return [node.receive() for node in nodes]
