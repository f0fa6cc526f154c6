"""Limits and credits over two nodes of two workers each, as their callers see them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.harness import Caller
from tests.support.redis import RedisServer
from tests.support.served import Served, ServeOptions, Service, fetch, serving, until

pytestmark = pytest.mark.e2e

PROCESSES = 4
OVER_PER_PROCESS = 0.10
DAY = 24 * 3_600_000
"""Long enough that no window ends in the middle of a test, but for one a day."""


@pytest.fixture(scope="module")
def nodes(
    served: Served, served_database: str, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sequence[Service]]:
    """The session's service and one more."""
    options = ServeOptions(database=served_database, redis=redis_server.url, workers=2)
    with serving(options, tmp_path_factory.mktemp("second")) as second:
        yield (served.service, second)


class Asking:
    """A caller who spreads requests over the nodes, some at a time, each on a connection of its own.

    Few enough at a time that processes hear of each other in between also where tests are short of cores: how exactly
    limits hold is a matter of what happens within the few milliseconds that takes.
    """

    def __init__(self, nodes: Sequence[Service], caller: Caller) -> None:
        self._nodes = nodes
        self._headers = {"authorization": f"Bearer {caller.root_key}", "connection": "close"}

    def one(self, path: str, body: object, node: int = 0) -> Any:  # JSON
        """Ask one node and return the data of its answer."""
        status, text = fetch(f"{self._nodes[node % len(self._nodes)].base}{path}", body, self._headers)
        assert status == 200, text
        return json.loads(text)["data"]

    def count(self, path: str, body: object, passed: Callable[[Any], bool], *, times: int) -> int:
        """Ask so many times and return how many answers passed."""
        with ThreadPoolExecutor(3) as pool:
            return sum(map(passed, pool.map(lambda number: self.one(path, body, number), range(times))))


def samples(text: str, name: str) -> dict[str, float]:
    """Return the series of a metric, labels to value, added up over workers."""
    sums: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith((f"{name}{{", f"{name} ")):
            labels, _, value = line.removeprefix(name).rpartition(" ")
            sums[labels] = sums.get(labels, 0) + float(value)
    return sums


def test_one_limit_holds_over_workers_and_nodes(nodes: Sequence[Service], admin: Caller) -> None:
    body = {"namespace": "over nodes", "identifier": "u", "limit": 100, "duration": DAY}
    admitted = Asking(nodes, admin).count("/v2/ratelimit.limit", body, lambda data: bool(data["success"]), times=400)
    assert 100 <= admitted <= 100 * (1 + OVER_PER_PROCESS * PROCESSES)


def test_batches_hold_over_workers_and_nodes(nodes: Sequence[Service], admin: Caller) -> None:
    body = [
        {"namespace": "a", "identifier": "u", "limit": 50, "duration": DAY},
        {"namespace": "b", "identifier": "u", "limit": 1_000, "duration": DAY, "cost": 2},
    ]
    asking = Asking(nodes, admin)
    admitted = asking.count("/v2/ratelimit.multiLimit", body, lambda data: bool(data["passed"]), times=200)
    assert 50 <= admitted <= 50 * (1 + OVER_PER_PROCESS * PROCESSES)


def test_credits_are_spent_exactly_over_workers_and_nodes(nodes: Sequence[Service], admin: Caller) -> None:
    asking = Asking(nodes, admin)
    api_id = asking.one("/v2/apis.createApi", {"name": "credits"})["apiId"]
    key = asking.one("/v2/keys.createKey", {"apiId": api_id, "credits": {"remaining": 50}})["key"]
    spent = asking.count("/v2/keys.verifyKey", {"key": key}, lambda data: bool(data["valid"]), times=150)
    assert spent == 50


def test_what_was_decided_shows_in_the_metrics(nodes: Sequence[Service], admin: Caller) -> None:
    asking = Asking(nodes, admin)
    body = {"namespace": "metrics", "identifier": "u", "limit": 3, "duration": DAY}
    passed = sum(bool(asking.one("/v2/ratelimit.limit", body)["success"]) for _ in range(10))
    api_id = asking.one("/v2/apis.createApi", {"name": "credits"})["apiId"]
    key = asking.one("/v2/keys.createKey", {"apiId": api_id, "credits": {"remaining": 1}})["key"]
    for _ in range(3):
        asking.one("/v2/keys.verifyKey", {"key": key})
    text = nodes[0].metrics()
    decisions = samples(text, "unkey_ratelimit_decisions_total")
    mine = {labels: value for labels, value in decisions.items() if admin.workspace_id in labels}
    assert sum(mine.values()) == 10
    assert sum(value for labels, value in mine.items() if 'outcome="passed"' in labels) == passed
    assert 3 <= passed < 10
    assert samples(text, "unkey_ratelimit_strict_mode_activations_total")
    assert samples(text, "unkey_ratelimit_windows_created_total")[""] > 0
    assert samples(text, "unkey_key_verifications_total")['{code="VALID",type="root_key"}'] > 0
    assert samples(text, "unkey_usagelimiter_decisions_total")['{outcome="denied",source="redis"}'] >= 2
    assert samples(text, "unkey_buffer_state_total")['{name="ratelimit_replays",state="buffered"}'] >= 3

    def written() -> bool:
        return samples(nodes[0].metrics(), "unkey_usagelimiter_replay_operations_total")['{status="success"}'] >= 1

    until(written, 10)
