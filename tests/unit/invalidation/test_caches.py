"""Caches by name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.clock import FixedClock
from unkey_api.infra.caching.swr import CacheWindows, SwrCache
from unkey_api.infra.invalidation.ports import IN_WORKSPACE, PLAIN, Invalidation, NamedCaches
from unkey_api.infra.resilience.tasks import BackgroundJobs

WINDOWS = CacheWindows(fresh=timedelta(seconds=10), stale=timedelta(minutes=1), max_entries=100)


class World:
    def __init__(self) -> None:
        jobs = BackgroundJobs("test")
        clock = FixedClock()
        self.plain: SwrCache[str, int] = SwrCache("plain", clock=clock, windows=WINDOWS, refreshes=jobs)
        self.pairs: SwrCache[tuple[str, str], int] = SwrCache("pairs", clock=clock, windows=WINDOWS, refreshes=jobs)
        self.named = NamedCaches()
        self.named.add(self.plain, PLAIN)
        self.named.add(self.pairs, IN_WORKSPACE)
        self.plain.set("a", 1)
        self.plain.set("b", 1)
        self.pairs.set(("ws_1", "with:colon"), 2)

    def drop(self, cache: str, key: str | None) -> bool:
        return self.named.drop(Invalidation(cache, key))


def test_an_entry_is_dropped_where_it_is() -> None:
    world = World()
    assert world.drop("plain", "a")
    assert world.drop("pairs", "ws_1:with:colon")
    assert (world.plain.held("a"), world.plain.held("b"), world.pairs.held(("ws_1", "with:colon"))) == (None, 1, None)


def test_no_key_stands_for_every_entry_of_one_cache() -> None:
    world = World()
    world.drop("plain", None)
    assert (len(world.plain), len(world.pairs)) == (0, 1)


def test_everything_is_every_entry_of_every_cache() -> None:
    world = World()
    world.named.drop_all()
    assert (len(world.plain), len(world.pairs)) == (0, 0)


def test_an_unknown_cache_and_a_text_that_is_no_key_are_told_from_success() -> None:
    world = World()
    assert not world.drop("other", "a")
    with pytest.raises(ValueError, match="workspace"):
        world.drop("pairs", "no colon")
