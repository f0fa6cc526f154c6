"""keys.verifyKey, through the whole application, with real stores."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.keys import START_MS, KeyWorld, fresh
from tests.support.statements import SeenStatement

pytestmark = pytest.mark.integration

UNKNOWN = {"valid": False, "code": "NOT_FOUND"}
MINUTE = 60_000


def names(seen: list[SeenStatement]) -> list[str]:
    """Return the names of statements."""
    return [statement.name for statement in seen]


class TestSuccess:
    async def test_bare_key_answers_exactly_these_fields(self, world: KeyWorld) -> None:
        key = await world.key()
        assert await world.verify(key.secret) == {
            "valid": True,
            "code": "VALID",
            "keyId": key.id,
            "enabled": True,
            "keyspaceId": world.api.keyspace_id,
        }

    async def test_everything_stored_is_in_the_answer(self, world: KeyWorld) -> None:
        identity = await world.identity("user_1", meta='{"plan":"pro"}')
        key = await world.key(
            name="k", meta='{"b":1,"a":[1.5,null]}', identity_id=identity, remaining_requests=5, expires="2099-01-01"
        )
        await world.grant(key.id, ["docs.read", "docs.*"])
        await world.give_role(key.id, await world.role("admin", "docs.read", "x.y"))
        shared = await world.limit("shared", identity_id=identity, auto_apply=False)
        data = await world.verify(key.secret)
        assert sorted(data.pop("permissions")) == ["docs.*", "docs.read", "docs.read", "x.y"]
        assert data == {
            "valid": True,
            "code": "VALID",
            "keyId": key.id,
            "enabled": True,
            "keyspaceId": world.api.keyspace_id,
            "name": "k",
            "meta": {"a": [1.5, None], "b": 1},
            "expires": 4_070_908_800_000,
            "credits": 4,
            "roles": ["admin"],
            "identity": {
                "id": identity,
                "externalId": "user_1",
                "meta": {"plan": "pro"},
                "ratelimits": [{"id": shared, "name": "shared", "limit": 10, "duration": MINUTE, "autoApply": False}],
            },
        }

    async def test_empty_metadata_and_deleted_identities_are_left_out(self, world: KeyWorld) -> None:
        identity = await world.identity(deleted=True)
        key = await world.key(meta="{}", identity_id=identity)
        data = await world.verify(key.secret)
        assert "meta" not in data
        assert "identity" not in data

    async def test_unreadable_metadata_is_left_out(self, world: KeyWorld) -> None:
        for meta in ("not json", "[1]", '{"a":' + "[" * 300 + "]" * 300 + "}"):
            key = await world.key(meta=meta)
            assert "meta" not in await world.verify(key.secret)

    async def test_cold_is_one_statement_and_warm_is_none(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.grant(key.id, ["a.b"])
        await world.limit("requests", key_id=key.id)
        await world.verify("warms the root key")
        with world.statements.recording() as cold:
            await world.verify(key.secret)
        with world.statements.recording() as warm:
            await world.verify(key.secret, permissions="a.b", tags=["x"])
        assert names(cold) == ["verifiable_key_find_by_hash"]
        assert names(warm) == []

    async def test_stale_entry_answers_at_once_and_the_next_one_is_new(self, world: KeyWorld) -> None:
        key = await world.key(name="old")
        await world.verify(key.secret)
        await world.update("keys", key.id, name="new")
        world.later(11_000)
        assert (await world.verify(key.secret))["name"] == "old"
        await world.jobs.idle()
        assert (await world.verify(key.secret))["name"] == "new"

    @pytest.mark.parametrize("permissions", [["api.*.verify_key"], ["api.{api}.verify_key"]])
    async def test_tuple_for_all_or_for_this_api_suffices(self, world: KeyWorld, permissions: list[str]) -> None:
        key = await world.key()
        root = await world.root_key(*(p.format(api=world.api.id) for p in permissions))
        assert (await world.verify(key.secret, root=root.secret))["valid"]

    @pytest.mark.parametrize("path", ["keyspaces/{ks}/keys/{key}", "keyspaces/*/keys/*", "keyspaces/{ks}/**"])
    async def test_urn_on_the_key_or_a_covering_pattern_suffices(self, world: KeyWorld, path: str) -> None:
        key = await world.key()
        filled = path.format(ks=world.api.keyspace_id, key=key.id)
        root = await world.root_key(f"unkey:v1:{world.workspace_id}:{filled}#verify_key")
        assert (await world.verify(key.secret, root=root.secret))["valid"]


class TestNotFound:
    async def test_unknown_key_answers_with_two_fields_only(self, world: KeyWorld) -> None:
        assert await world.verify(fresh("sk")) == UNKNOWN

    async def test_key_of_another_workspace_looks_unknown(self, world: KeyWorld) -> None:
        other = await world.make_api(await world.workspace())
        assert await world.verify((await world.key(other)).secret) == UNKNOWN

    async def test_soft_deleted_key_looks_unknown(self, world: KeyWorld) -> None:
        assert await world.verify((await world.key(deleted_at_m=1)).secret) == UNKNOWN

    async def test_key_of_a_deleted_api_looks_unknown(self, world: KeyWorld) -> None:
        gone = await world.make_api(deleted_at_m=1)
        assert await world.verify((await world.key(gone)).secret) == UNKNOWN

    @pytest.mark.parametrize("permission", ["api.api_other.verify_key", "api.*.read_key", "*"])
    async def test_caller_without_permission_learns_nothing(self, world: KeyWorld, permission: str) -> None:
        key = await world.key()
        root = await world.root_key(permission)
        assert await world.verify(key.secret, root=root.secret) == UNKNOWN

    async def test_other_keyspaces_hide_the_key_and_consume_nothing(self, world: KeyWorld) -> None:
        key = await world.key(remaining_requests=5)
        assert await world.verify(key.secret, keyspaces=["ks_other"]) == UNKNOWN
        assert (await world.verify(key.secret, keyspaces=["ks_other", world.api.keyspace_id]))["credits"] == 4

    async def test_syntax_error_is_not_looked_at_for_an_unknown_key(self, world: KeyWorld) -> None:
        assert await world.verify(fresh("sk"), permissions="a AND") == UNKNOWN

    async def test_no_event_is_written(self, world: KeyWorld) -> None:
        await world.verify(fresh("sk"))
        assert world.events.rows == []


class TestRefused:
    async def test_disabled_key_still_tells_what_it_is(self, world: KeyWorld) -> None:
        key = await world.key(enabled=False, name="off")
        await world.grant(key.id, ["a.b"])
        await world.limit("requests", key_id=key.id)
        data = await world.verify(key.secret)
        assert (data["valid"], data["code"], data["enabled"], data["name"]) == (False, "DISABLED", False, "off")
        assert data["permissions"] == ["a.b"]
        assert "ratelimits" not in data

    async def test_key_is_valid_until_it_expires_to_the_millisecond(self, world: KeyWorld) -> None:
        key = await world.key(expires="2025-06-15 15:07:01.500")
        expires = START_MS + 1_500
        assert (await world.verify(key.secret))["code"] == "VALID"
        world.later(1_500)
        assert (await world.verify(key.secret))["code"] == "VALID"
        world.later(1)
        data = await world.verify(key.secret)
        assert (data["code"], data["expires"]) == ("EXPIRED", expires)

    async def test_disabled_workspace_is_forbidden_without_grants(self, world: KeyWorld) -> None:
        """Seen only in races: normally the caller's own root key is refused first."""
        key = await world.key()
        await world.grant(key.id, ["a.b"])
        await world.verify("warms the root key")
        await world.update("workspaces", world.workspace_id, enabled=False)
        data = await world.verify(key.secret)
        assert data["code"] == "FORBIDDEN"
        assert "permissions" not in data
        assert world.events.rows[-1].outcome == "WORKSPACE_DISABLED"

    async def test_address_outside_the_list_is_forbidden(self, world: KeyWorld) -> None:
        api = await world.make_api(ip_whitelist=" 10.0.0.1, ,203.0.113.9 ")
        closed = await world.make_api(ip_whitelist="10.0.0.1")
        assert (await world.verify((await world.key(api)).secret))["code"] == "VALID"
        assert (await world.verify((await world.key(closed)).secret))["code"] == "FORBIDDEN"

    @pytest.mark.parametrize(
        ("listed", "code"),
        [
            ("203.0.113.0/24", "VALID"),
            ("203.0.113.77/24", "VALID"),
            ("::ffff:203.0.113.9", "VALID"),
            ("::ffff:203.0.113.0/120", "VALID"),
            ("10.0.0.1, 2001:db8::/32, 203.0.113.8/31", "VALID"),
            ("203.0.113.0/25, 203.0.114.0/24", "VALID"),
            ("203.0.113.0/29", "FORBIDDEN"),
            ("2001:db8::/32", "FORBIDDEN"),
            ("nonsense", "FORBIDDEN"),
            ("203.0.113.9/33", "FORBIDDEN"),
            ("203.0.113.9:80, 203.0.113.*, 999.0.0.1, /24, ::/999, " + "9" * 300, "FORBIDDEN"),
        ],
    )
    async def test_ranges_count_and_what_is_no_address_matches_nothing(
        self, world: KeyWorld, listed: str, code: str
    ) -> None:
        """A list nobody can read lets nobody in, rather than everybody."""
        api = await world.make_api(ip_whitelist=listed)
        assert (await world.verify((await world.key(api)).secret))["code"] == code

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("docs.read", "VALID"),
            ("docs.read AND docs.write", "INSUFFICIENT_PERMISSIONS"),
            ("docs.read or docs.write", "VALID"),
            ("*", "INSUFFICIENT_PERMISSIONS"),
            ("docs.*", "INSUFFICIENT_PERMISSIONS"),
            ("from.role and (x or docs.read)", "VALID"),
        ],
    )
    async def test_permission_query_is_compared_as_text(self, world: KeyWorld, query: str, code: str) -> None:
        key = await world.key()
        await world.grant(key.id, ["docs.read"])
        await world.give_role(key.id, await world.role("r", "from.role"))
        data = await world.verify(key.secret, permissions=query)
        assert (data["code"], data["valid"]) == (code, code == "VALID")


class TestInvalid:
    async def test_syntax_error_is_told_even_for_a_disabled_key(self, world: KeyWorld) -> None:
        key = await world.key(enabled=False)
        answer = await world.call("verifyKey", {"key": key.secret, "permissions": "a AND"})
        assert answer.status == 400
        assert answer.json["error"]["type"].endswith("permissions_query_syntax_error")
        assert answer.json["meta"]["requestId"].startswith("req_")

    async def test_499_parentheses_are_read(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.grant(key.id, ["a"])
        assert (await world.verify(key.secret, permissions="(" * 499 + "a" + ")" * 499))["valid"]

    @pytest.mark.parametrize(
        "body",
        [
            {"key": ""},
            {"key": "k" * 513},
            {"key": "k", "tags": ["t"] * 21},
            {"key": "k", "tags": [""]},
            {"key": "k", "tags": ["t" * 513]},
            {"key": "k", "credits": {"cost": -1}},
            {"key": "k", "credits": {}},
            {"key": "k", "ratelimits": [{"name": "abc", "cost": -1}]},
            {"key": "k", "apiId": "api_1"},
            {"key": "k", "permissions": ""},
            {},
        ],
    )
    async def test_body_that_breaks_the_schema_is_400(self, world: KeyWorld, body: dict[str, Any]) -> None:
        answer = await world.call("verifyKey", body)
        assert answer.status == 400
        assert answer.json["error"]["errors"]

    async def test_made_up_limit_with_a_window_below_a_second_is_400_and_named(self, world: KeyWorld) -> None:
        key = await world.key()
        limits = [{"name": "abc", "limit": 1, "duration": 5_000}, {"name": "def", "limit": 1, "duration": 999}]
        answer = await world.call("verifyKey", {"key": key.secret, "ratelimits": limits})
        assert answer.status == 400
        assert "ratelimits[1].duration" in answer.json["error"]["detail"]

    @pytest.mark.parametrize("limit", [{"name": "nope"}, {"name": "nope", "cost": 2}, {"name": "nope", "limit": 5}])
    async def test_unknown_limit_is_412_and_names_key_and_identity(
        self, world: KeyWorld, limit: dict[str, Any]
    ) -> None:
        alone = await world.key()
        identity = await world.identity("user_9")
        owned = await world.key(identity_id=identity)
        start = "ratelimit 'nope' was requested but does not exist for key"
        first = await world.call("verifyKey", {"key": alone.secret, "ratelimits": [limit]})
        second = await world.call("verifyKey", {"key": owned.secret, "ratelimits": [limit]})
        assert (first.status, second.status) == (412, 412)
        assert first.json["error"]["detail"] == f"{start} '{alone.id}' and there is no identity connected."
        assert (
            second.json["error"]["detail"] == f"{start} '{owned.id}' nor identity: '{identity}' external ID: 'user_9'"
        )

    async def test_disabled_key_never_yields_412(self, world: KeyWorld) -> None:
        key = await world.key(enabled=False)
        assert (await world.verify(key.secret, ratelimits=[{"name": "nope"}]))["code"] == "DISABLED"


class TestCredits:
    async def test_one_by_default_until_none_are_left(self, world: KeyWorld) -> None:
        key = await world.key(remaining_requests=2)
        seen = [await world.verify(key.secret) for _ in range(3)]
        assert [(d["code"], d["credits"]) for d in seen] == [("VALID", 1), ("VALID", 0), ("USAGE_EXCEEDED", 0)]

    async def test_too_high_a_cost_takes_nothing(self, world: KeyWorld) -> None:
        key = await world.key(remaining_requests=5)
        data = await world.verify(key.secret, credits={"cost": 15})
        assert (data["code"], data["credits"]) == ("USAGE_EXCEEDED", 5)
        assert (await world.verify(key.secret, credits={"cost": 5}))["credits"] == 0

    async def test_cost_of_zero_passes_with_nothing_left_and_takes_nothing(self, world: KeyWorld) -> None:
        key = await world.key(remaining_requests=0)
        data = await world.verify(key.secret, credits={"cost": 0})
        assert (data["code"], data["credits"]) == ("VALID", 0)

    async def test_cost_of_zero_leaves_the_balance_alone(self, world: KeyWorld) -> None:
        key = await world.key(remaining_requests=5)
        seen = [(await world.verify(key.secret, credits={"cost": cost}))["credits"] for cost in (0, 0, 1, 0)]
        assert seen == [5, 5, 4, 4]

    async def test_unlimited_key_has_no_credits_even_with_a_cost(self, world: KeyWorld) -> None:
        data = await world.verify((await world.key()).secret, credits={"cost": 5})
        assert data["valid"]
        assert "credits" not in data

    async def test_earlier_failure_takes_no_credits(self, world: KeyWorld) -> None:
        key = await world.key(remaining_requests=5)
        data = await world.verify(key.secret, permissions="nope")
        assert (data["code"], data["credits"]) == ("INSUFFICIENT_PERMISSIONS", 5)
        assert (await world.verify(key.secret))["credits"] == 4


class TestEvents:
    async def test_one_row_per_verdict_about_a_known_key(self, world: KeyWorld) -> None:
        identity = await world.identity("user_1")
        key = await world.key(identity_id=identity, remaining_requests=5)
        tags = ["🔑 emoji", "with space", "ünï"]
        await world.verify(key.secret, tags=tags, credits={"cost": 2})
        (row,) = world.events.rows
        assert (row.workspace_id, row.key_space_id, row.key_id) == (world.workspace_id, world.api.keyspace_id, key.id)
        assert (row.identity_id, row.external_id, row.region) == (identity, "user_1", "test")
        assert (row.outcome, list(row.tags), row.spent_credits) == ("VALID", tags, 2)
        assert (row.time, row.source, row.app_id) == (START_MS, "api", "")
        assert row.request_id.startswith("req_")

    async def test_tags_of_a_key_that_was_invalid_from_the_start_are_not_kept(self, world: KeyWorld) -> None:
        key = await world.key(enabled=False)
        await world.verify(key.secret, tags=["t"])
        assert [(row.outcome, list(row.tags)) for row in world.events.rows] == [("DISABLED", [])]

    async def test_twenty_long_tags_are_accepted(self, world: KeyWorld) -> None:
        key = await world.key()
        assert (await world.verify(key.secret, tags=["t" * 512] * 20))["valid"]

    async def test_failed_request_writes_none(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.call("verifyKey", {"key": key.secret, "ratelimits": [{"name": "nope"}]})
        assert world.events.rows == []


class TestDenied:
    async def test_disabled_root_key_is_403(self, world: KeyWorld) -> None:
        """The one way to get a 403 here: a missing permission is reported as absence."""
        root = await world.root_key("api.*.read_key", enabled=False)
        answer = await world.call("verifyKey", {"key": "unknown"}, root=root.secret)
        assert answer.status == 403
        assert answer.json["error"]["type"].endswith("authorization/key_disabled")


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("verifyKey", {"key": "unknown"}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
