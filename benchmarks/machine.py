"""Cores, and what the kernel knows about processes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where."""

    service: int
    load: int
    """The loader and the stores. The same as `service` on a machine with one core."""

    @property
    def both(self) -> tuple[int, ...]:
        """All cores in use."""
        return tuple(sorted({self.service, self.load}))


def choose_cores() -> Cores:
    """Take the last two cores this process may use; the first often serves the interrupts."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(service=allowed[-1], load=allowed[-2] if len(allowed) > 1 else allowed[-1])


def pinned(command: Sequence[str], *cores: int) -> list[str]:
    """Return the command, to be run on these cores only."""
    return ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]


def children_of(pid: int) -> list[int]:
    """Return the ids of the direct children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the CPU time the processes have used so far, in user and kernel together."""
    total = 0
    for pid in pids:
        # The second field is the name in brackets, which may hold blanks.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS_PER_SECOND


def resident_mib(pids: Sequence[int]) -> float:
    """Return the memory the processes have in RAM, shared pages counted for each."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * _PAGE_BYTES / 2**20
