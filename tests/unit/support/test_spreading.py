"""The order in which pieces of the tests are handed to processes."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from tests.support.spreading import LONG, TOGETHER, order_for_spreading, piece_of

ROOT = Path(__file__).resolve().parents[3]


class Named:
    """As much of a test as matters here."""

    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


def ordered(nodeids: list[str]) -> list[str]:
    items = cast("list[pytest.Item]", [Named(nodeid) for nodeid in nodeids])  # only their names are looked at
    order_for_spreading(items)
    return [item.nodeid for item in items]


def test_long_pieces_come_first_and_large_ones_next() -> None:
    small, large = ["tests/unit/a.py::test_a"], ["tests/unit/b.py::test_b", "tests/unit/b.py::C::test_c"]
    long = [f"{path}::test_long" for path in LONG]
    together = [f"{path}x.py::test_x" if path.endswith("/") else f"{path}::test_x" for path in TOGETHER]
    assert ordered([*small, *large, *reversed(long), *together]) == [*together, *long, *large, *small]


def test_tests_of_a_piece_stay_side_by_side_and_in_their_order() -> None:
    nodeids = [f"tests/unit/{file}.py::test_{number:02}" for file in "abc" for number in range(20)]
    mixed = sorted(nodeids, key=lambda nodeid: nodeid[-2:])
    assert ordered(mixed) == nodeids
    assert {piece_of(nodeid) for nodeid in nodeids} == {f"tests/unit/{file}.py" for file in "abc"}


@pytest.mark.parametrize("path", [*TOGETHER, *LONG])
def test_what_is_named_is_there(path: str) -> None:
    assert (ROOT / path).exists()
