"""Ids."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections import Counter

import pytest

from unkey_api.core.ids import ALPHABET, IdPrefix, RandomIds


@pytest.mark.parametrize("prefix", IdPrefix)
def test_id_is_prefix_underscore_nine_letters_or_digits(prefix: IdPrefix) -> None:
    made = RandomIds().new(prefix)
    assert re.fullmatch(r"[a-z]+_[a-zA-Z0-9]{9}", made)
    assert made.startswith(f"{prefix.value}_")


def test_ids_do_not_repeat_in_a_large_sample() -> None:
    ids = RandomIds()
    assert len({ids.new(IdPrefix.KEY) for _ in range(50_000)}) == 50_000


def test_ids_do_not_come_from_a_source_that_can_be_seeded() -> None:
    random.seed(1)
    first = RandomIds().new(IdPrefix.REQUEST)
    random.seed(1)
    assert RandomIds().new(IdPrefix.REQUEST) != first


def test_every_letter_is_as_likely_as_another() -> None:
    ids = RandomIds()
    letters = Counter("".join(ids.new(IdPrefix.KEY)[4:] for _ in range(20_000)))
    assert set(letters) == set(ALPHABET)
    expected = 20_000 * 9 / len(ALPHABET)
    assert all(abs(count - expected) < 6 * expected**0.5 for count in letters.values())


def test_forked_processes_hand_out_different_ids() -> None:
    """Workers are forked from a parent that has made an id already; equal ones would meet in the unique indexes."""
    program = (
        "import os; from unkey_api.core.ids import IdPrefix, RandomIds\n"
        "ids = RandomIds(); ids.new(IdPrefix.KEY)\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0: os.write(1, ids.new(IdPrefix.KEY).encode() + b'\\n'); os._exit(0)\n"
        "    os.wait()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)  # noqa: S603 - our own program
    assert len(set(done.stdout.split())) == 3
