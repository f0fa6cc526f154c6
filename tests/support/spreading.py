"""How `pytest -n` spreads the tests over processes: file by file, what takes longest first.

Each process has stores of its own, so nothing is shared but the machine. A file stays in one piece, for the fixtures of
its module. What would disturb itself most stays in one piece too: tests that take away stores, and attacks.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/e2e/faults/", "tests/e2e/test_attack.py")
"""Beginnings of paths that make one piece; the first of all to begin."""
LONG = (
    "tests/e2e/test_fuzz.py",
    "tests/e2e/test_invalidation.py",
    "tests/rpc/concurrency/test_removal.py",
    "tests/e2e/test_process.py",
    "tests/integration/server/test_http2_hostile.py",
    "tests/integration/server/test_http1.py",
    "tests/e2e/test_dev.py",
    "tests/unit/ratelimit/test_sequences.py",
    "tests/rpc/concurrency/test_change.py",
    "tests/e2e/test_key_transfer.py",
    "tests/integration/ratelimit/test_accuracy.py",
    "tests/integration/credits/test_processes.py",
    "tests/e2e/test_log_pipe.py",
    "tests/integration/dev/test_command.py",
    "tests/contract/test_invalidation_bus.py",
    "tests/e2e/test_connect_es.py",
)
"""The files that take longest, longest first. A list that is out of date only costs time at the end of a run."""


def piece_of(nodeid: str) -> str:
    """Return what a test stays together with: its file, or everything in `TOGETHER`."""
    return TOGETHER[0] if nodeid.startswith(TOGETHER) else nodeid.partition("::")[0]


def order_for_spreading(items: list[pytest.Item]) -> None:
    """Sort tests in place: pieces known to be long, then by the number of their tests."""
    counts = Counter(piece_of(item.nodeid) for item in items)
    known = {piece: place for place, piece in enumerate((TOGETHER[0], *LONG))}

    def place(item: pytest.Item) -> tuple[int, int, str]:
        piece = piece_of(item.nodeid)
        return known.get(piece, len(known)), -counts[piece], piece

    items.sort(key=place)


def make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Return what hands pieces to the processes, in the order of the tests."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only where tests are spread

    class Pieces(LoadScopeScheduling):  # type: ignore[misc]  # it comes without types
        def _split_scope(self, nodeid: str) -> str:
            return piece_of(nodeid)

    config.option.loadscopereorder = False
    return Pieces(config, log)
