"""keys.updateCredits, through the whole application, with real stores."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.keys import KeyWorld, fresh

pytestmark = pytest.mark.integration


class TestSuccess:
    @pytest.mark.parametrize(
        ("start", "body", "left"),
        [
            (5, {"operation": "set", "value": 9}, 9),
            (None, {"operation": "set", "value": 0}, 0),
            (5, {"operation": "set", "value": None}, None),
            (5, {"operation": "set"}, None),
            (5, {"operation": "increment", "value": 3}, 8),
            (5, {"operation": "decrement", "value": 3}, 2),
            (5, {"operation": "decrement", "value": 30}, 0),
            (5, {"operation": "increment", "value": 0}, 5),
        ],
    )
    async def test_balance_after_the_operation(
        self, world: KeyWorld, start: int | None, body: dict[str, Any], left: int | None
    ) -> None:
        key = await world.key(remaining_requests=start)
        assert await world.ok("updateCredits", {"keyId": key.id, **body}) == {"remaining": left}
        assert await world.one("keys", key.id, "remaining_requests", "updated_at_m") == (left, None)
        (entry,) = await world.audit()
        shown = "unlimited" if left is None else left
        assert entry["description"] == f"Updated Key {key.id}, set remaining to {shown}."
        changes = {} if start == left else {"changes": {"remaining": {"from": start, "to": left}}}
        assert entry.get("meta", {}) == changes
        assert [(t["type"], t["id"]) for t in entry["targets"]] == [
            ("keySpace", world.api.keyspace_id),
            ("key", key.id),
        ]

    async def test_null_drops_the_refill_and_nothing_keeps_it(self, world: KeyWorld) -> None:
        key = await world.key(remaining_requests=5, refill_amount=9, refill_day=2)
        refill = {"interval": "monthly", "amount": 9, "refillDay": 2}
        body = {"keyId": key.id, "operation": "set"}
        assert await world.ok("updateCredits", body) == {"remaining": None, "refill": refill}
        assert await world.ok("updateCredits", {**body, "value": None}) == {"remaining": None}
        assert await world.one("keys", key.id, "refill_amount", "refill_day") == (None, None)

    async def test_next_verification_uses_the_new_balance(self, world: KeyWorld) -> None:
        key = await world.key(remaining_requests=10)
        await world.verify(key.secret)
        body = {"keyId": key.id, "operation": "decrement", "value": 4}
        assert (await world.ok("updateCredits", body))["remaining"] == 5
        assert (await world.verify(key.secret))["credits"] == 4
        await world.ok("updateCredits", {"keyId": key.id, "operation": "set", "value": None})
        assert "credits" not in await world.verify(key.secret)


class TestInvalid:
    @pytest.mark.parametrize("operation", ["increment", "decrement"])
    async def test_changing_by_nothing_is_400(self, world: KeyWorld, operation: str) -> None:
        for key in (await world.key(remaining_requests=5), await world.key()):
            for extra in ({}, {"value": None}):
                answer = await world.call("updateCredits", {"keyId": key.id, "operation": operation, **extra})
                needed = "`value` is required when the operation is `increment` or `decrement`."
                assert (answer.status, answer.json["error"]["detail"]) == (400, needed)

    @pytest.mark.parametrize("operation", ["increment", "decrement"])
    async def test_changing_unlimited_credits_is_400(self, world: KeyWorld, operation: str) -> None:
        key = await world.key()
        answer = await world.call("updateCredits", {"keyId": key.id, "operation": operation, "value": 1})
        assert answer.status == 400
        assert answer.json["error"]["type"].endswith("invalid_input")
        refused = "Unlimited credits cannot be incremented or decremented; use `set`."
        assert answer.json["error"]["detail"] == refused
        assert await world.one("keys", key.id, "remaining_requests") == (None,)

    async def test_more_than_fits_is_400_and_changes_nothing(self, world: KeyWorld) -> None:
        most = 2**63 - 1
        key = await world.key(remaining_requests=most - 5)
        answer = await world.call("updateCredits", {"keyId": key.id, "operation": "increment", "value": 6})
        refused = f"`value` is too large: a key holds at most {most} credits."
        assert (answer.status, answer.json["error"]["detail"]) == (400, refused)
        assert await world.one("keys", key.id, "remaining_requests") == (most - 5,)
        fits = await world.ok("updateCredits", {"keyId": key.id, "operation": "increment", "value": 5})
        assert int(fits["remaining"]) == most

    @pytest.mark.parametrize("extra", [{"operation": "add"}, {"value": -1}, {"operation": None}])
    async def test_body_that_breaks_the_schema_is_400(self, world: KeyWorld, extra: dict[str, Any]) -> None:
        key = await world.key(remaining_requests=5)
        body = {"keyId": key.id, "operation": "set", "value": 1, **extra}
        assert (await world.call("updateCredits", body)).status == 400


class TestNotFoundAndDenied:
    async def test_foreign_key_is_404_and_missing_permission_403(self, world: KeyWorld) -> None:
        foreign = await world.key(await world.make_api(await world.workspace()))
        root = await world.root_key("api.*.read_key")
        mine = await world.key()
        body = {"operation": "set", "value": 1}
        assert (await world.call("updateCredits", {"keyId": foreign.id, **body})).status == 404
        assert (await world.call("updateCredits", {"keyId": mine.id, **body}, root=root.secret)).status == 403


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("updateCredits", {"keyId": "key_1", "operation": "set"}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
