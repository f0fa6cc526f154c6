"""Caches on the bus."""

from __future__ import annotations

import pytest

from tests.support.clock import FixedClock
from unkey_api.infra.caching.swr import CacheWindows, SwrCache
from unkey_api.infra.invalidation.caches import IN_WORKSPACE, PLAIN, CacheCluster
from unkey_api.infra.invalidation.ports import Handler, Invalidation
from unkey_api.infra.resilience.background import BackgroundJobs

WINDOWS = CacheWindows(fresh_ms=10_000, stale_ms=60_000, max_entries=100)


class Wire:
    """A bus that remembers what is published and delivers what the test says."""

    def __init__(self) -> None:
        self.published: list[tuple[str, str | None]] = []
        self._handlers: list[Handler] = []

    def publish(self, cache: str, key: str | None) -> None:
        self.published.append((cache, key))

    def subscribe(self, handler: Handler) -> None:
        self._handlers.append(handler)

    def deliver(self, cache: str, key: str | None) -> list[bool]:
        return [handler(Invalidation(cache, key)) for handler in self._handlers]


class World:
    def __init__(self) -> None:
        self.wire = Wire()
        jobs = BackgroundJobs("test")
        clock = FixedClock()
        self.plain: SwrCache[str, int] = SwrCache("plain", clock=clock, windows=WINDOWS, refreshes=jobs)
        self.pairs: SwrCache[tuple[str, str], int] = SwrCache("pairs", clock=clock, windows=WINDOWS, refreshes=jobs)
        cluster = CacheCluster(self.wire)
        cluster.join(self.plain, PLAIN)
        cluster.join(self.pairs, IN_WORKSPACE)


def test_removals_nulls_and_clearing_are_told_and_nothing_else() -> None:
    world = World()
    world.plain.set("a", 1)
    world.plain.remove("a")
    world.plain.remove("never there")
    world.pairs.set_null(("ws_1", "with:colon"))
    world.plain.clear()
    world.plain.drop("a")
    world.plain.drop_all()
    assert world.wire.published == [
        ("plain", "a"),
        ("plain", "never there"),
        ("pairs", "ws_1:with:colon"),
        ("plain", None),
    ]


async def test_loads_and_refreshes_are_not_told() -> None:
    world = World()

    async def absent(key: str) -> int | None:
        return None

    await world.plain.get("a", absent)
    assert world.wire.published == []


def test_what_is_heard_is_dropped_here_and_told_nobody() -> None:
    world = World()
    world.plain.set("a", 1)
    world.pairs.set(("ws_1", "with:colon"), 2)
    assert world.wire.deliver("plain", "a") == [True]
    assert world.wire.deliver("pairs", "ws_1:with:colon") == [True]
    assert (world.plain.held("a"), world.pairs.held(("ws_1", "with:colon"))) == (None, None)
    assert world.wire.published == []


def test_clearing_elsewhere_clears_here() -> None:
    world = World()
    world.plain.set("a", 1)
    world.plain.set("b", 1)
    world.wire.deliver("plain", None)
    assert len(world.plain) == 0


def test_an_unknown_cache_and_a_text_that_is_no_key_are_told_from_success() -> None:
    world = World()
    assert world.wire.deliver("other", "a") == [False]
    with pytest.raises(ValueError, match="workspace"):
        world.wire.deliver("pairs", "no colon")
