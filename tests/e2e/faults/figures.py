"""What callers saw while something was away or stopped: printed, and kept in build/faults.txt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from tests.support.load import Answer, Load

FILE = Path(__file__).parents[3] / "build" / "faults.txt"


@dataclass(frozen=True, slots=True)
class Phase:
    """The answers to what was sent between two moments."""

    answers: list[Answer] = field(default_factory=list)

    @property
    def slowest(self) -> float:
        """Seconds of the slowest answer, 0 without any."""
        return max((answer.seconds for answer in self.answers), default=0.0)

    @property
    def wrong(self) -> list[Answer]:
        """Answers that are no success or not that of their call."""
        return [answer for answer in self.answers if not answer.correct]


class Figures:
    """Collects phases and writes a line per phase and operation."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    @asynccontextmanager
    async def phase(self, name: str, load: Load) -> AsyncIterator[Phase]:
        """Note what is sent within the block; complete when it was left, but for answers still out."""
        began, phase = monotonic(), Phase()
        yield phase
        phase.answers.extend(load.since(began))
        grouped: defaultdict[str, list[Answer]] = defaultdict(list)
        for answer in phase.answers:
            grouped[answer.call.path.rpartition("/")[2]].append(answer)
        for operation, answers in sorted(grouped.items()):
            times = sorted(answer.seconds * 1000 for answer in answers)
            self._write(
                f"{name:<28} {operation:<18} {len(answers):>6} answers {sum(not a.correct for a in answers):>4} wrong "
                f"p50 {times[len(times) // 2]:>6.1f} ms  p99 {times[len(times) * 99 // 100]:>7.1f} ms  "
                f"max {times[-1]:>7.1f} ms"
            )

    def note(self, line: str) -> None:
        """Keep one more line."""
        self._write(line)


def to_file_and_terminal() -> Figures:
    """Begin a new file."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text("")

    def write(line: str) -> None:
        print(line)  # noqa: T201 - shown with -s and when a test fails
        with FILE.open("a") as file:
            file.write(line + "\n")

    return Figures(write)
