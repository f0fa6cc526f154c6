"""Inputs at random that can be made again from their seed, and the bound on what one of them may cost."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from random import Random, SystemRandom

SECONDS = float(os.environ.get("UNKEY_FUZZ_SECONDS", "0"))
SEED = os.environ.get("UNKEY_FUZZ_SEED", "")
WORK_SECONDS_PER_KILOBYTE = 0.1
"""Processor time. Orders of magnitude more than anything takes, less than the square of a few thousand does."""
NOISE_SECONDS = 1.0


async def run_cases(short: int, case: Callable[[Random], Awaitable[None]]) -> None:
    """Run a fixed set of cases, or new ones for UNKEY_FUZZ_SECONDS. A failure names the seed to repeat."""
    end, seeds, done = time.monotonic() + SECONDS, SystemRandom(), 0
    while done < short or time.monotonic() < end:
        seed = int(SEED) if SEED else seeds.getrandbits(48) if SECONDS else done
        try:
            await case(Random(seed))  # noqa: S311 - repeatable on purpose
        except Exception as err:
            raise AssertionError(f"UNKEY_FUZZ_SEED={seed}") from err
        done += 1
        if SEED:
            break
    print(f"\n{done} cases")  # noqa: T201 - a figure worth seeing


class Bound:
    """Fails when the block in it takes more processor time than an input of this size may."""

    def __init__(self, size: int) -> None:
        self._allowed = NOISE_SECONDS + WORK_SECONDS_PER_KILOBYTE * size / 1_000

    def __enter__(self) -> None:
        self._started = time.process_time()

    def __exit__(self, *_: object) -> None:
        spent = time.process_time() - self._started
        assert spent < self._allowed, f"{spent:.2f} s of {self._allowed:.2f}"


def mutate(data: bytes, words: Sequence[bytes], random: Random) -> bytes:
    """Return `data` with a few pieces cut, doubled, moved, repeated or replaced."""
    for _ in range(random.randint(0, 6)):
        at = random.randint(0, len(data))
        until = min(len(data), at + random.choice((1, 2, 8, 40)))
        match random.randrange(5):
            case 0:
                data = data[:at] + data[until:]
            case 1:
                data = data[:until] + data[at:]
            case 2:
                data = data[:at] + random.choice(words) + data[at:]
            case 3:
                data = data[:at] + random.choice(words) * random.choice((2, 30, 3_000)) + data[until:]
            case _:
                data = data[:at] + random.randbytes(until - at) + data[until:]
    return data
