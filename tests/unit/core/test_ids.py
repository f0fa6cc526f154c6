"""Ids."""

from __future__ import annotations

import re

import pytest

from unkey_api.core.ids import IdPrefix, RandomIds


@pytest.mark.parametrize("prefix", IdPrefix)
def test_id_is_prefix_underscore_nine_letters_or_digits(prefix: IdPrefix) -> None:
    made = RandomIds().new(prefix)
    assert re.fullmatch(r"[a-z]+_[a-zA-Z0-9]{9}", made)
    assert made.startswith(f"{prefix.value}_")


def test_ids_do_not_repeat_in_a_large_sample() -> None:
    ids = RandomIds()
    assert len({ids.new(IdPrefix.KEY) for _ in range(50_000)}) == 50_000
