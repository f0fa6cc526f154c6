"""An index of a cache's entries sees every one come and go."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import FixedClock
from unkey_api.infra.caching.shelf import MemberIndex
from unkey_api.infra.caching.swr import CacheWindows, SwrCache
from unkey_api.infra.resilience.tasks import BackgroundJobs

WINDOWS = CacheWindows(fresh=timedelta(milliseconds=10), stale=timedelta(milliseconds=20), max_entries=3)
KEYS = st.sampled_from(["a", "b", "c", "d", "e"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "drop", "read", "drop_all", "wait"]), KEYS, st.integers()),
    max_size=40,
)


class Mirror:
    """A watcher that keeps a copy."""

    def __init__(self) -> None:
        self.entries: dict[str, int | None] = {}

    def stored(self, key: str, value: int | None) -> None:
        assert key not in self.entries
        self.entries[key] = value

    def dropped(self, key: str, value: int | None) -> None:
        assert self.entries.pop(key) == value


@given(STEPS)
def test_the_copy_of_a_watcher_is_always_exact(steps: list[tuple[str, str, int]]) -> None:
    clock, mirror = FixedClock(), Mirror()
    cache: SwrCache[str, int] = SwrCache("test", clock=clock, windows=WINDOWS, refreshes=BackgroundJobs("test"))
    cache.watch(mirror)
    for action, key, value in steps:
        match action:
            case "set":
                cache.set(key, value)
            case "read":
                cache.peek(key)
            case "wait":
                clock.advance(15)
            case "drop_all":
                cache.drop_all()
            case _:
                cache.drop(key)
        assert len(cache) == len(mirror.entries)
        assert all(cache.held(each) == held for each, held in mirror.entries.items())


async def test_an_entry_that_ran_out_is_reported_when_it_is_found() -> None:
    clock, mirror = FixedClock(), Mirror()
    cache: SwrCache[str, int] = SwrCache("test", clock=clock, windows=WINDOWS, refreshes=BackgroundJobs("test"))
    cache.watch(mirror)
    cache.set("a", 1)
    clock.advance(20)

    async def load(key: str) -> int | None:
        assert mirror.entries == {}
        return 2

    await cache.get("a", load)
    assert mirror.entries == {"a": 2}


class TestIndex:
    def test_members_come_and_go(self) -> None:
        index: MemberIndex[str, str] = MemberIndex()
        for member in ("k1", "k1", "k2"):
            index.add("o", member)
        assert sorted(index.of("o")) == ["k1", "k2"]
        index.discard("o", "k1")
        index.discard("o", "never there")
        assert index.of("o") == ("k2",)
        index.discard("o", "k2")
        assert (index.of("o"), len(index)) == ((), 0)

    def test_a_single_member_is_not_taken_for_another(self) -> None:
        index: MemberIndex[str, str] = MemberIndex()
        index.add("o", "k1")
        index.discard("o", "k2")
        assert index.of("o") == ("k1",)
