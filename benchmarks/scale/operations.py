"""What operations cost among few keys and among many, asked in turn so that both see the same machine."""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import orjson

from benchmarks.scale.filling import hash_of, secret_of
from benchmarks.scale.places import Place
from unkey_api.dev.ports import LOOPBACK
from unkey_api.infra.mysql import Query

CALLS = 400
WARM_CALLS = 30
PAGE = 100
SEED = 20
RATIO_MAX = 1.5
OK = 200

Ask = Callable[[int], tuple[str, Mapping[str, object]]]
"""Takes the number of the call and returns an operation and its body."""


class AnswerFailed(Exception):
    """An answer was not what it should be. The message holds it."""


@dataclass(frozen=True, slots=True)
class _Id:
    id: str


_IDS = Query("scale_ids", "SELECT id FROM `keys` WHERE hash IN %(hashes)s ORDER BY id", _Id)


class Side:
    """One installation, served, with what is asked of it."""

    def __init__(self, place: Place, port: int, asks: Mapping[str, Ask]) -> None:
        self.asks = asks
        self._headers = {"authorization": f"Bearer {place.root_key}", "content-type": "application/json"}
        self._connection = http.client.HTTPConnection(LOOPBACK, port, timeout=30)

    def call(self, name: str, number: int) -> float:
        """Ask and return how long the answer took, in seconds. Raises AnswerFailed."""
        operation, body = self.asks[name](number)
        sent = orjson.dumps(body)
        began = time.perf_counter()
        self._connection.request("POST", f"/v2/{operation}", sent, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        seconds = time.perf_counter() - began
        _check(name, answer.status, text)
        return seconds


async def side(place: Place, port: int, keys: int) -> Side:
    """Choose which keys are asked for: no key twice, so that every verification is a cold one."""
    wanted = CALLS + WARM_CALLS
    # A fixed seed: a choice for a comparison, not for a secret.
    numbers = random.Random(SEED).sample(range(keys), 2 * wanted) if keys >= 2 * wanted else []  # noqa: S311
    if not numbers:
        raise AnswerFailed(f"{keys} keys are too few to ask for {2 * wanted} different ones")
    presented, looked_up = numbers[:wanted], numbers[wanted:]
    rows = await place.database.primary.fetch_all(_IDS, {"hashes": [hash_of(number) for number in looked_up]})
    ids = [row.id for row in rows]
    # From the middle on, but with a full page behind it also among a thousand keys.
    deep = ids[len(ids) // 2 : len(ids) * 85 // 100]
    random.Random(SEED).shuffle(ids)  # noqa: S311 - as above
    asks: dict[str, Ask] = {
        "createKey": lambda n: ("keys.createKey", {"apiId": place.api_id, "name": f"new {n}"}),
        "getKey": lambda n: ("keys.getKey", {"keyId": ids[n]}),
        "verifyKey, cold": lambda n: ("keys.verifyKey", {"key": secret_of(presented[n])}),
        "listKeys, deep page": lambda n: (
            "apis.listKeys",
            {"apiId": place.api_id, "limit": PAGE, "cursor": deep[n % len(deep)]},
        ),
    }
    return Side(place, port, asks)


def compare(few: Side, many: Side) -> dict[str, tuple[float, float]]:
    """Return the medians of each operation in seconds, among few keys and among many."""
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in few.asks}
    for number in range(WARM_CALLS + CALLS):
        for name, (among_few, among_many) in times.items():
            first, second = (few.call(name, number), many.call(name, number))
            if number >= WARM_CALLS:
                among_few.append(first)
                among_many.append(second)
    return {name: (median(among_few), median(among_many)) for name, (among_few, among_many) in times.items()}


def table(medians: Mapping[str, tuple[float, float]], sizes: Sequence[int]) -> list[str]:
    """Return the lines to print."""
    head = f"{'median of ' + str(CALLS) + ' calls':<24}{sizes[0]:>12,} keys{sizes[1]:>12,} keys{'ratio':>8}"
    return [head] + [
        f"{name:<24}{1000 * few:>14.2f} ms{1000 * many:>14.2f} ms{many / few:>8.2f}"
        for name, (few, many) in medians.items()
    ]


def _check(name: str, status: int, text: bytes) -> None:
    answer: Any = orjson.loads(text)
    good = status == OK
    if good and name == "verifyKey, cold":
        good = answer["data"]["valid"]
    if good and name == "listKeys, deep page":
        good = len(answer["data"]) == PAGE and answer["pagination"]["hasMore"]
    if not good:
        raise AnswerFailed(f"{name}: {status} {text.decode()[:500]}")
