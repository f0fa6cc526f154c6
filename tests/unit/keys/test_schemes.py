"""Hashes of other systems: how they are spelled, what they may cost, and how many are verified at once."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

import bcrypt
import pytest
from argon2 import PasswordHasher, Type

from tests.support.clock import FixedClock
from tests.support.waiting import eventually, settle
from unkey_api.areas.keys.schemes import bounded
from unkey_api.areas.keys.schemes.bounded import Budget, HashingBusy, HashingNotInstalled, open_slow_hashes
from unkey_api.areas.keys.schemes.finding import start_of, stored_texts
from unkey_api.areas.keys.schemes.salted import HashCaps, cost_of, excess, lookups_of, make_salted, read_salted
from unkey_api.core.secret import Secret
from unkey_api.infra import passwords

KEY = "sk_live_8f14e45fceea167a5a36dedd4bea2543"
# With salts that stay: they are in the names of tests, which all processes that share a run must agree on.
BCRYPT = bcrypt.hashpw(KEY.encode(), b"$2b$04$N9qo8uLOickgx2ZMRZoMye").decode()
ARGON2 = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(KEY, salt=b"sixteen bytes of")


class TestStoredTexts:
    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    def test_every_spelling_of_a_digest(self, algorithm: str) -> None:
        digest = hashlib.new(algorithm, KEY.encode()).digest()
        spelled = {
            digest.hex(),
            b64encode(digest).decode(),
            b64encode(digest).decode().rstrip("="),
            urlsafe_b64encode(digest).decode(),
            urlsafe_b64encode(digest).decode().rstrip("="),
        }
        assert spelled <= set(stored_texts(KEY, []))

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    def test_hmac_with_each_pepper(self, algorithm: str) -> None:
        texts = stored_texts(KEY, [Secret("one"), Secret("two")])
        for pepper in (b"one", b"two"):
            assert f"hmac-{algorithm}:{hmac.new(pepper, KEY.encode(), algorithm).hexdigest()}" in texts

    def test_no_text_holds_the_key_or_a_pepper(self) -> None:
        assert not any(KEY in text or "pepper" in text for text in stored_texts(KEY, [Secret("pepper")]))


class TestStart:
    @pytest.mark.parametrize(
        ("key", "start"),
        [
            (KEY, "sk_live_8f14"),
            ("re_1234567890abcdef1234", "re_1234"),
            ("0123456789abcdef", "0123"),
            ("abcdefghijklm_nopqrstu", "abcd"),
            ("a_b", "a_b"),
        ],
    )
    def test_shows_a_prefix_but_never_much_of_the_key(self, key: str, start: str) -> None:
        assert start_of(key) == start


class TestSalted:
    @pytest.mark.parametrize("phc", [BCRYPT, ARGON2])
    @pytest.mark.parametrize(("visible", "lookup"), [(KEY[:4], KEY[:4]), (KEY[:13], KEY[:12]), (KEY, KEY[:24])])
    def test_stored_form_survives_being_read(self, phc: str, visible: str, lookup: str) -> None:
        made = make_salted(phc, visible)
        assert made is not None
        assert made.lookup == lookup
        assert read_salted(made.text) == made
        assert lookup in lookups_of(KEY)

    @pytest.mark.parametrize(
        "phc",
        [
            "$2b$15$" + "a" * 53,
            "$2x$10$" + "a" * 53,
            "$argon2id$v=19$m=262145,t=1,p=1$c2FsdHNhbHQ$" + "a" * 43,
            "$argon2id$v=19$m=8,t=11,p=1$c2FsdHNhbHQ$" + "a" * 43,
            "$argon2id$v=19$m=8,t=1,p=17$c2FsdHNhbHQ$" + "a" * 43,
            "$5$rounds=5000$usesomesillystri$KqJWpanXZHKq2BOB43TSaYhEWsQ1Lr5QNyPCDH/Tp.6",
            "",
        ],
    )
    def test_other_or_expensive_hashes_are_not_taken(self, phc: str) -> None:
        assert make_salted(phc, KEY) is None
        assert read_salted(f"phc:{KEY[:12]}:{phc}") is None

    def test_three_characters_find_too_many_keys(self) -> None:
        assert make_salted(BCRYPT, "abc") is None

    def test_a_key_is_looked_up_by_the_longest_beginning_first_and_never_by_all_of_it(self) -> None:
        assert [len(text) for text in lookups_of("x" * 25)] == [24, 16, 12, 8, 6, 4]
        for length in (4, 6, 8, 12, 16, 24):
            assert len(lookups_of("x" * (length + 1))[0]) == length
        assert lookups_of("xxxx") == []

    @pytest.mark.parametrize(
        ("visible", "length"), [(4, 4), (5, 4), (7, 6), (11, 8), (15, 12), (16, 16), (23, 16), (64, 24)]
    )
    def test_visible_characters_are_cut_to_a_length_that_is_looked_up(self, visible: int, length: int) -> None:
        made = make_salted(BCRYPT, "x" * visible)
        assert made is not None
        assert made.lookup == "x" * length

    def test_key_as_short_as_a_lookup_is_not_looked_up_by_all_of_itself(self) -> None:
        assert lookups_of("12345678") == ["123456", "1234"]


class TestVerify:
    @pytest.mark.parametrize("phc", [BCRYPT, ARGON2, BCRYPT.replace("$2b$", "$2y$"), BCRYPT.replace("$2b$", "$2a$")])
    def test_right_and_wrong_key(self, phc: str) -> None:
        assert passwords.verify(phc, KEY)
        assert not passwords.verify(phc, KEY + "x")

    @pytest.mark.parametrize("kind", [Type.D, Type.I])
    def test_all_kinds_of_argon2(self, kind: Type) -> None:
        assert passwords.verify(PasswordHasher(1, 8, 1, type=kind).hash(KEY), KEY)

    def test_bcrypt_looks_at_72_bytes(self) -> None:
        long = "x" * 80
        phc = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
        assert passwords.verify(phc, long)

    @pytest.mark.parametrize("phc", ["$2b$10$short", "$argon2id$rubbish", "$2b$04$" + "!" * 53])
    def test_broken_hash_matches_nothing(self, phc: str) -> None:
        assert not passwords.verify(phc, KEY)


class TestCost:
    @pytest.mark.parametrize(("cost", "units"), [(10, 1.0), (12, 4.0), (14, 16.0), (4, 1 / 64)])
    def test_bcrypt_doubles_with_each_step(self, cost: int, units: float) -> None:
        assert cost_of(BCRYPT.replace("$04$", f"${cost:02}$")) == units

    def test_argon2_grows_with_memory_and_passes(self) -> None:
        assert cost_of(ARGON2.replace("m=8,t=1", "m=65536,t=3")) == 3.0

    @pytest.mark.parametrize(
        ("phc", "said"),
        [
            (BCRYPT.replace("$04$", "$12$"), ""),
            (ARGON2.replace("m=8,t=1,p=1$", "m=65536,t=4,p=4$"), ""),
            (BCRYPT.replace("$04$", "$13$"), "bcrypt cost of 13 is more than the 12"),
            (ARGON2.replace("m=8,", "m=65537,"), "memory in KiB of 65537 is more than the 65536"),
            (ARGON2.replace("t=1,", "t=5,"), "passes of 5 is more than the 4"),
            (ARGON2.replace("p=1$", "p=5$"), "lanes of 5 is more than the 4"),
            ("0" * 64, ""),
        ],
    )
    def test_what_costs_too_much_is_said(self, phc: str, said: str) -> None:
        reason = excess(phc, HashCaps())
        assert said in reason
        assert bool(reason) == bool(said)


class TestBudget:
    def test_each_workspace_has_its_own_and_it_fills_up_again(self) -> None:
        clock = FixedClock()
        budget = Budget(2.0, clock)
        assert [budget.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]
        assert budget.take("b") == 0
        clock.advance(500)
        assert [budget.take("a") for _ in range(2)] == [0, 0.5]
        clock.advance(3_600_000)
        assert [budget.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]

    def test_it_is_used_up_by_what_things_cost(self) -> None:
        clock = FixedClock()
        budget = Budget(2.0, clock)
        assert [budget.take("a", 16.0), budget.take("a", 16.0)] == [0, 6.5], "once into debt, then paid off"
        clock.advance(6_500)
        assert [budget.take("a", 0.01), budget.take("a", 0.01)] == [0, 0.5], "the cheapest one counts as one"

    def test_even_the_smallest_lets_one_through_at_a_time(self) -> None:
        clock = FixedClock()
        budget = Budget(0.25, clock)
        assert [budget.take("a"), budget.take("a")] == [0, 4.0]
        clock.advance(4_000)
        assert [budget.take("a"), budget.take("a")] == [0, 4.0]

    def test_workspaces_are_forgotten_rather_than_piled_up(self) -> None:
        budget = Budget(1.0, FixedClock())
        for number in range(bounded.WORKSPACES_MAX + 5):
            budget.take(str(number))
        assert len(budget._buckets) == bounded.WORKSPACES_MAX


class TestSlowHashes:
    async def test_never_more_at_once_than_threads_and_a_short_queue(self) -> None:
        go, lock = threading.Event(), threading.Lock()
        running = most = 0

        def verify(phc: str, secret: str) -> bool:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            go.wait(10)
            with lock:
                running -= 1
            return True

        async with open_slow_hashes(verify, clock=FixedClock(), threads=2, per_second=1000) as hashes:
            accepted = 2 + bounded.WAITING_PER_WORKSPACE
            waiting = [asyncio.create_task(hashes.matches("ws", "p", "s")) for _ in range(accepted)]
            await asyncio.sleep(0)
            with pytest.raises(HashingBusy):
                await hashes.matches("ws", "p", "s")
            waiting[0].cancel()  # whoever leaves keeps the thread counted until it is done
            await asyncio.sleep(0)
            with pytest.raises(HashingBusy):
                await hashes.matches("ws", "p", "s")
            waiting[-1].cancel()  # and gives up a place in line
            await settle()
            waiting[-1] = asyncio.create_task(hashes.matches("ws", "p", "s"))
            await asyncio.sleep(0)
            go.set()
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert results[1:] == [True] * (accepted - 1)
            assert await hashes.matches("ws", "p", "s")
        assert most == 2

    async def test_no_workspace_waits_for_more_than_one_hash_of_another(self) -> None:
        begun: list[str] = []
        gates = [threading.Semaphore(0), threading.Semaphore(0)]

        def verify(phc: str, secret: str) -> bool:
            begun.append(secret)
            gates[0].release()
            gates[1].acquire(timeout=10)
            return True

        def at_work(count: int) -> Callable[[], bool]:
            return lambda: len(begun) == count

        async with open_slow_hashes(verify, clock=FixedClock(), threads=1, per_second=1000) as hashes:
            greedy = [asyncio.create_task(hashes.matches("greedy", BCRYPT, f"g{n}")) for n in range(6)]
            await eventually(at_work(1))
            others = [asyncio.create_task(hashes.matches(name, BCRYPT, name)) for name in ("a", "b", "a")]
            await settle()
            for count in range(2, 11):
                gates[1].release()
                if count < 10:
                    await eventually(at_work(count))
            await asyncio.gather(*greedy, *others)
        assert begun == ["g0", "g1", "a", "b", "g2", "a", "g3", "g4", "g5"]

    async def test_too_many_workspaces_in_line_are_turned_away(self) -> None:
        go = threading.Event()

        def verify(phc: str, secret: str) -> bool:
            return go.wait(10)

        async with open_slow_hashes(verify, clock=FixedClock(), threads=1, per_second=1000) as hashes:
            count = 1 + bounded.WAITING_WORKSPACES
            waiting = [asyncio.create_task(hashes.matches(f"ws{n}", BCRYPT, "s")) for n in range(count)]
            await settle()
            with pytest.raises(HashingBusy):
                await hashes.matches("another", BCRYPT, "s")
            go.set()
            assert await asyncio.gather(*waiting) == [True] * count

    async def test_who_is_turned_away_is_told_whole_seconds_to_wait(self) -> None:
        def verify(phc: str, secret: str) -> bool:
            return True

        expensive = BCRYPT.replace("$04$", "$12$")
        async with open_slow_hashes(verify, clock=FixedClock(), threads=1, per_second=2.0) as hashes:
            assert await hashes.matches("ws", expensive, "s")
            assert await hashes.matches("other", expensive, "s")
            with pytest.raises(HashingBusy) as refused:
                await hashes.matches("ws", expensive, "s")
        assert refused.value.retry_after_seconds == 1

    async def test_missing_package_is_our_fault(self) -> None:
        def verify(phc: str, secret: str) -> bool:
            raise passwords.DriverMissing("bcrypt")

        async with open_slow_hashes(verify, clock=FixedClock(), threads=1, per_second=10) as hashes:
            with pytest.raises(HashingNotInstalled, match=r"unkey-api\[migration\]"):
                await hashes.matches("ws", BCRYPT, KEY)
