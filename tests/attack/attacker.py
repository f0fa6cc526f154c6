"""The attackers, in a process of their own so that what they do does not slow the victim's clock.

Reads one line of JSON with the target, then one line per attack (`{"name": …, "seconds": …}`), and answers each with a
line: how many rounds were done and how many ended in an error of their own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections import Counter

from tests.attack.registry import ATTACKS, Attack, Target


async def carry_out(attack: Attack, target: Target, seconds: float) -> Counter[str]:
    """Repeat an attack for that long, so many at once as it wants."""
    done: Counter[str] = Counter()
    deadline = time.monotonic() + seconds

    async def again_and_again() -> None:
        while time.monotonic() < deadline:
            try:
                await attack.round(target)
                done["rounds"] += 1
            except (OSError, TimeoutError, EOFError, RuntimeError) as err:
                done["ended early"] += 1  # being cut, refused or ignored is what should happen
                done[type(err).__name__] += 1
                await asyncio.sleep(0.005)

    tasks = [asyncio.create_task(again_and_again()) for _ in range(attack.at_once)]
    await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and (err := task.exception()) is not None:
            raise err
    return done


def main() -> None:
    """Serve the lines of standard input."""
    os.nice(10)  # attackers are on machines of their own; here they must not take the victim's time
    logging.disable()  # asyncio warns of what is sent to a connection that was cut, thousands of times
    target = Target(**json.loads(sys.stdin.readline()))
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            order = json.loads(line)
            try:
                done = runner.run(carry_out(ATTACKS[order["name"]], target, order["seconds"]))
                answer: dict[str, object] = dict(done)
            except Exception as err:  # noqa: BLE001 - told to whoever gave the order
                answer = {"failed": f"{type(err).__name__}: {err}"}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    from tests.attack import bodies, heads, http2  # noqa: F401 - they register their attacks

    main()
