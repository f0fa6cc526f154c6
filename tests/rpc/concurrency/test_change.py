"""One thing changed by several callers at once: every change is there afterwards, none in halves."""

from __future__ import annotations

import asyncio

import pytest

from tests.rpc.concurrency.racing import ROUNDS, Call, Track, fresh, rounds, statuses

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
MINUTE = 60_000


async def test_one_role_added_by_ten_callers(track: Track) -> None:
    async def race(_: int) -> None:
        key_id, role = (await track.key())["keyId"], fresh("role")
        await track.ok("permissions.createRole", {"name": role})
        answers = await track.at_once(*[("keys.addRoles", {"keyId": key_id, "roles": [role]})] * 10)
        assert statuses(answers) == [200] * 10
        assert all(role in {held["name"] for held in answer.json["data"]} for answer in answers)

    await rounds(race, abreast=4)
    assert await track.count("keys_roles") == ROUNDS
    assert await track.told("authorization.connect_role_and_key") == ROUNDS


async def test_one_new_permission_added_by_several_callers(track: Track) -> None:
    key_id = (await track.key())["keyId"]

    async def race(_: int) -> None:
        slug = fresh("perm")
        answers = await track.at_once(*[("keys.addPermissions", {"keyId": key_id, "permissions": [slug]})] * 4)
        assert statuses(answers) == [200] * 4
        await track.ok("keys.setPermissions", {"keyId": key_id, "permissions": []})

    await rounds(race)
    assert await track.count("permissions") == ROUNDS
    assert await track.told("permission.create") == ROUNDS


async def test_permissions_set_by_two_callers_are_those_of_one(track: Track) -> None:
    key_id = (await track.key())["keyId"]
    sets = [["a", "b"], ["b", "c"], ["d"]]

    async def race(_: int) -> None:
        calls = [("keys.setPermissions", {"keyId": key_id, "permissions": slugs}) for slugs in sets]
        assert statuses(await track.at_once(*calls)) == [200] * 3
        held = (await track.ok("keys.getKey", {"keyId": key_id}))["permissions"]
        assert sorted(held) in sets

    await rounds(race)
    assert await track.count("permissions") == 4


async def test_different_fields_of_one_key(track: Track) -> None:
    key_id = (await track.key())["keyId"]

    async def race(number: int) -> None:
        wanted: dict[str, object] = {"name": f"name {number}", "meta": {"n": number}, "externalId": f"user_{number}"}
        calls: list[Call] = [("keys.updateKey", {"keyId": key_id, field: value}) for field, value in wanted.items()]
        assert statuses(await track.at_once(*calls)) == [200] * 3
        found = await track.ok("keys.getKey", {"keyId": key_id})
        assert (found["name"], found["meta"], found["identity"]["externalId"]) == tuple(wanted.values())

    await rounds(race)


async def test_limits_of_one_identity_are_those_of_one_caller(track: Track) -> None:
    await track.ok("identities.createIdentity", {"externalId": "user"})

    async def race(number: int) -> None:
        sets = [[(f"limit{(number + n) % 5}", n + 1), (f"limit{(number + n + 1) % 5}", n + 1)] for n in range(3)]
        bodies = [
            {
                "identity": "user",
                "ratelimits": [{"name": a, "limit": b, "duration": MINUTE, "autoApply": False} for a, b in limits],
            }
            for limits in sets
        ]
        assert statuses(await track.at_once(*(("identities.updateIdentity", body) for body in bodies))) == [200] * 3
        found = (await track.ok("identities.getIdentity", {"identity": "user"}))["ratelimits"]
        assert sorted((limit["name"], limit["limit"]) for limit in found) in [sorted(limits) for limits in sets]

    await rounds(race)
    assert await track.count("ratelimits") == 2


async def test_credits_added_while_they_are_spent(track: Track) -> None:
    made = await track.key(credits={"remaining": 1000})
    spend: Call = ("keys.verifyKey", {"key": made["key"]})
    add: Call = ("keys.updateCredits", {"keyId": made["keyId"], "operation": "increment", "value": 5})

    async def race(number: int) -> None:
        answers = await track.at_once(spend, add, spend, add, spend)
        assert statuses(answers) == [200] * 5
        assert all(answers[n].json["data"]["valid"] for n in (0, 2, 4))
        left = (await track.ok("keys.verifyKey", {"key": made["key"], "credits": {"cost": 0}}))["credits"]
        assert left == 1000 + 7 * (number + 1)

    await rounds(race)


async def test_credits_spent_by_more_than_there_are(track: Track) -> None:
    async def race(_: int) -> None:
        made = await track.key(credits={"remaining": 3})
        answers = await track.at_once(*[("keys.verifyKey", {"key": made["key"]})] * 6)
        assert sorted(answer.json["data"]["valid"] for answer in answers) == [False] * 3 + [True] * 3

    await rounds(race, abreast=4)


async def test_reroll_against_verify(track: Track) -> None:
    """The old key stops at once, the new one works at once, and in between each is one or the other."""

    async def race(number: int) -> None:
        made = await track.key(name="old")
        verify: Call = ("keys.verifyKey", {"key": made["key"]})
        reroll: Call = ("keys.rerollKey", {"keyId": made["keyId"], "expiration": 0})
        # The first verification reads the key from the database, at another moment of the reroll each time.
        rerolled, *verified = await asyncio.gather(
            track.ask(*reroll), *(track.later(number % 50 + n, verify) for n in range(3))
        )
        assert rerolled.status == 200
        assert {answer.json["data"]["code"] for answer in verified} <= {"VALID", "EXPIRED"}
        successor = rerolled.json["data"]["key"]
        track.api.clock.advance(1)  # the old one is good until its last millisecond has passed
        old = await track.ok("keys.verifyKey", {"key": made["key"]})
        new = await track.ok("keys.verifyKey", {"key": successor})
        assert (old["code"], new["code"], new["name"]) == ("EXPIRED", "VALID", "old")

    await rounds(race)
    assert await track.count("keys") == 2 * ROUNDS


async def test_rerolls_of_one_key(track: Track) -> None:
    async def race(_: int) -> None:
        made = await track.key()
        answers = await track.at_once(*[("keys.rerollKey", {"keyId": made["keyId"], "expiration": 0})] * 3)
        assert sorted(statuses(answers)) == [200, 412, 412]

    await rounds(race, abreast=4)
    assert await track.count("keys") == 2 * ROUNDS
