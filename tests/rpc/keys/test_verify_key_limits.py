"""keys.verifyKey and rate limits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.keys import START_MS, KeyWorld

pytestmark = pytest.mark.integration

MINUTE = 60_000


def by_name(data: dict[str, Any]) -> dict[str, Any]:
    """Return the limits of an answer by name."""
    return {limit["name"]: limit for limit in data["ratelimits"]}


class TestRateLimits:
    async def test_automatic_limits_apply_unasked_and_deny_when_used_up(self, world: KeyWorld) -> None:
        key = await world.key()
        id_ = await world.limit("requests", key_id=key.id, limit=2)
        first, second, third = [await world.verify(key.secret) for _ in range(3)]
        assert [d["code"] for d in (first, second, third)] == ["VALID", "VALID", "RATE_LIMITED"]
        assert third["ratelimits"] == [
            {
                "exceeded": True,
                "id": id_,
                "name": "requests",
                "limit": 2,
                "duration": MINUTE,
                "reset": START_MS + MINUTE,
                "remaining": 0,
                "autoApply": True,
            }
        ]
        world.later(2 * MINUTE)
        assert (await world.verify(key.secret))["valid"]

    async def test_other_limits_apply_only_when_named(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.limit("named", key_id=key.id, limit=1, auto_apply=False)
        assert all([(await world.verify(key.secret))["valid"] for _ in range(3)])
        asked = [{"name": "named"}]
        codes = [(await world.verify(key.secret, ratelimits=asked))["code"] for _ in range(2)]
        assert codes == ["VALID", "RATE_LIMITED"]

    async def test_automatic_limits_apply_beside_the_named_ones(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.limit("auto", key_id=key.id, limit=5)
        await world.limit("named", key_id=key.id, limit=7, auto_apply=False)
        limits = by_name(await world.verify(key.secret, ratelimits=[{"name": "named", "cost": 3}]))
        assert {name: limit["remaining"] for name, limit in limits.items()} == {"auto": 4, "named": 4}

    async def test_naming_an_automatic_limit_overrides_its_cost_and_zero_is_legal(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.limit("auto", key_id=key.id, limit=5)
        for cost, left in ((3, 2), (0, 2), (2, 0)):
            limits = by_name(await world.verify(key.secret, ratelimits=[{"name": "auto", "cost": cost}]))
            assert limits["auto"]["remaining"] == left

    async def test_of_a_repeated_name_the_last_counts(self, world: KeyWorld) -> None:
        key = await world.key()
        asked = [{"name": "abc", "limit": 9, "duration": MINUTE, "cost": c} for c in (1, 4)]
        data = await world.verify(key.secret, ratelimits=asked)
        assert [limit["remaining"] for limit in data["ratelimits"]] == [5]

    async def test_made_up_limit_has_no_id_and_counts_per_key(self, world: KeyWorld) -> None:
        first, second = await world.key(), await world.key()
        asked = [{"name": "adhoc", "limit": 1, "duration": MINUTE}]
        data = await world.verify(first.secret, ratelimits=asked)
        assert (data["ratelimits"][0]["id"], data["ratelimits"][0]["autoApply"]) == ("", False)
        assert (await world.verify(first.secret, ratelimits=asked))["code"] == "RATE_LIMITED"
        assert (await world.verify(second.secret, ratelimits=asked))["code"] == "VALID"

    async def test_made_up_limit_of_zero_denies_instead_of_lifting_all_limits(self, world: KeyWorld) -> None:
        key = await world.key()
        data = await world.verify(key.secret, ratelimits=[{"name": "none", "limit": 0, "duration": MINUTE}])
        assert (data["code"], data["ratelimits"][0]["exceeded"]) == ("RATE_LIMITED", True)

    async def test_limit_of_the_key_hides_the_one_of_its_identity(self, world: KeyWorld) -> None:
        identity = await world.identity()
        key = await world.key(identity_id=identity)
        await world.limit("same", identity_id=identity, limit=100)
        await world.limit("other", identity_id=identity, limit=50)
        own = await world.limit("same", key_id=key.id, limit=5)
        data = await world.verify(key.secret)
        assert (by_name(data)["same"]["id"], by_name(data)["same"]["limit"]) == (own, 5)
        assert [limit["name"] for limit in data["identity"]["ratelimits"]] == ["other"]

    async def test_limit_of_an_identity_is_shared_by_its_keys(self, world: KeyWorld) -> None:
        identity = await world.identity()
        await world.limit("shared", identity_id=identity, limit=2)
        keys = [await world.key(identity_id=identity) for _ in range(3)]
        assert [(await world.verify(k.secret))["code"] for k in keys] == ["VALID", "VALID", "RATE_LIMITED"]

    async def test_same_settings_under_two_names_count_apart(self, world: KeyWorld) -> None:
        key = await world.key()
        for name in ("one", "two"):
            await world.limit(name, key_id=key.id, limit=3, auto_apply=False)
        await world.verify(key.secret, ratelimits=[{"name": "one", "cost": 2}])
        limits = by_name(await world.verify(key.secret, ratelimits=[{"name": "one"}, {"name": "two"}]))
        assert (limits["one"]["remaining"], limits["two"]["remaining"]) == (0, 2)

    async def test_denial_by_one_limit_leaves_the_others_alone(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.limit("minute", key_id=key.id, limit=1)
        await world.limit("month", key_id=key.id, limit=10, duration=30 * 86_400_000)
        await world.verify(key.secret)
        denied = by_name(await world.verify(key.secret))
        assert (denied["minute"]["remaining"], denied["month"]["remaining"]) == (0, 9)
        assert (denied["minute"]["exceeded"], denied["month"]["exceeded"]) == (True, False)
        world.later(2 * MINUTE)
        assert by_name(await world.verify(key.secret))["month"]["remaining"] == 8
