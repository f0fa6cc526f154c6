"""100,000 random sequences of checks, each answered as the plain model answers it."""

from __future__ import annotations

import pytest

from tests.support.limit_sequences import Sequences


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_one_node_answers_as_the_model_does(seed: int) -> None:
    await Sequences(seed=seed).alone(25_000)


async def test_nodes_that_read_before_each_check_are_one_limiter() -> None:
    await Sequences(seed=4).spread(10_000)


async def test_a_denial_makes_the_store_be_asked() -> None:
    await Sequences(seed=5).strict(5_000)


async def test_parallel_checks_take_exactly_what_there_is() -> None:
    await Sequences(seed=6).parallel(10_000)
