"""The memory a cached key is said to take, against what the process grows by."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = "tests.support.key_weight_program"


@pytest.fixture(scope="module")
def measured() -> dict[str, tuple[float, float]]:
    """Bytes per key, measured and said, by kind of key; from a process that does nothing else."""
    done = subprocess.run([sys.executable, "-m", PROGRAM], check=True, capture_output=True, text=True)  # noqa: S603 - our own
    found: dict[str, tuple[float, float]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", ["plain", "granted", "identity", "text", "list", "nested", "object", "permissions"])
def test_no_kind_of_key_takes_much_more_than_it_is_said_to(measured: dict[str, tuple[float, float]], kind: str) -> None:
    """A bound on bytes is worth as much as the worst estimate: metadata of lists takes a hundred times its text."""
    grown, said = measured[kind]
    assert grown < 1.3 * said
    assert said < 4 * grown
