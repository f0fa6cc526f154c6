"""keys.createKey, through the whole application, with real stores."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.support.keys import START_MS, KeyWorld, fresh, hash_of

pytestmark = pytest.mark.integration

MINUTE = 60_000
LIMIT = {"name": "requests", "limit": 10, "duration": MINUTE, "autoApply": True}
NOT_FOUND = "The specified API was not found."


def encoded(secret: str) -> str:
    """Return the random part of a secret."""
    return secret.rpartition("_")[2]


class TestSuccess:
    async def test_minimal_key_is_stored_as_hash_and_verifies(self, world: KeyWorld) -> None:
        data = await world.create()
        assert set(data) == {"keyId", "key"}
        assert re.fullmatch(r"key_[a-zA-Z0-9]{9}", data["keyId"])
        assert 21 <= len(data["key"]) <= 22
        columns = "hash", "start", "name", "meta", "expires", "enabled", "remaining_requests", "for_workspace_id"
        stored = await world.one("keys", data["keyId"], *columns)
        assert stored == (hash_of(data["key"]), data["key"][:4], None, None, None, 1, None, None)
        assert (await world.one("keys", data["keyId"], "created_at_m"))[0] == START_MS
        assert (await world.verify(data["key"]))["valid"]

    async def test_everything_given_is_stored(self, world: KeyWorld) -> None:
        await world.role("admin role", "from.role")
        data = await world.create(
            prefix="my_co",
            name="k",
            byteLength=32,
            externalId="user-1.x",
            meta={"b": 1.0, "a": "<x&y>", "n": [1.5, None]},
            roles=["admin role"],
            permissions=["documents.*", "2fa.read", "api:read"],
            expires=4_102_444_800_000,
            credits={"remaining": 7, "refill": {"interval": "monthly", "amount": 100, "refillDay": 31}},
            ratelimits=[LIMIT],
            enabled=True,
        )
        assert data["key"].startswith("my_co_")
        columns = "start", "name", "meta", "remaining_requests", "refill_day", "refill_amount"
        assert await world.one("keys", data["keyId"], *columns) == (
            f"my_co_{encoded(data['key'])[:4]}",
            "k",
            '{"a":"\\u003cx\\u0026y\\u003e","b":1,"n":[1.5,null]}',
            7,
            31,
            100,
        )
        seen = await world.verify(data["key"])
        assert sorted(seen["permissions"]) == ["2fa.read", "api:read", "documents.*", "from.role"]
        assert (seen["roles"], seen["identity"]["externalId"]) == (["admin role"], "user-1.x")
        assert (seen["credits"], seen["expires"], seen["meta"]["a"]) == (6, 4_102_444_800_000, "<x&y>")
        assert [limit["remaining"] for limit in seen["ratelimits"]] == [9]
        identity = await world.one("identities", seen["identity"]["id"], "environment", "meta", "workspace_id")
        assert identity == ("default", "{}", world.workspace_id)
        permission = await world.sql(
            f"SELECT name, description FROM permissions WHERE workspace_id='{world.workspace_id}' AND slug='2fa.read'"
        )
        assert permission == [("2fa.read", None)]

    async def test_disabled_key_is_created_disabled(self, world: KeyWorld) -> None:
        assert (await world.verify((await world.create(enabled=False))["key"]))["code"] == "DISABLED"

    async def test_null_remaining_without_refill_is_unlimited(self, world: KeyWorld) -> None:
        data = await world.create(credits={"remaining": None})
        assert "credits" not in await world.verify(data["key"])

    async def test_daily_refill_forgets_a_day(self, world: KeyWorld) -> None:
        refill = {"interval": "daily", "amount": 5, "refillDay": 3}
        data = await world.create(credits={"remaining": 1, "refill": refill})
        assert await world.one("keys", data["keyId"], "refill_day", "refill_amount") == (None, 5)

    @pytest.mark.parametrize(
        ("keyspace", "request_", "prefix", "size"),
        [
            ({}, {}, "", (20, 23)),
            ({"keyspace_default_prefix": "ks", "keyspace_default_bytes": 32}, {}, "ks", (42, 45)),
            ({"keyspace_default_prefix": "ks", "keyspace_default_bytes": 32}, {"prefix": "re"}, "re", (42, 45)),
            ({"keyspace_default_prefix": "ks", "keyspace_default_bytes": 32}, {"byteLength": 16}, "ks", (20, 23)),
            ({"keyspace_default_bytes": None}, {}, "", (20, 23)),
            ({"keyspace_default_bytes": 0}, {"byteLength": 255}, "", (340, 350)),
        ],
    )
    async def test_request_overrides_the_defaults_of_the_keyspace(
        self, world: KeyWorld, keyspace: dict[str, Any], request_: dict[str, Any], prefix: str, size: tuple[int, int]
    ) -> None:
        api = await world.make_api(**keyspace)
        data = await world.create(apiId=api.id, **request_)
        assert data["key"].rpartition("_")[0] == prefix
        assert size[0] <= len(encoded(data["key"])) <= size[1]

    async def test_repetitions_in_lists_count_once_and_the_last_limit_of_a_name_wins(self, world: KeyWorld) -> None:
        await world.role("r")
        data = await world.create(
            permissions=["a", "a", "b"], roles=["r", "r"], ratelimits=[LIMIT, {**LIMIT, "limit": 3}]
        )
        seen = await world.verify(data["key"])
        assert (sorted(seen["permissions"]), seen["roles"]) == (["a", "b"], ["r"])
        assert [limit["limit"] for limit in seen["ratelimits"]] == [3]

    async def test_urn_grant_alone_suffices(self, world: KeyWorld) -> None:
        root = await world.root_key(f"unkey:v1:{world.workspace_id}:keyspaces/{world.api.keyspace_id}#create_key")
        assert (await world.create(root=root.secret))["key"]

    async def test_existing_permissions_and_identities_are_reused(self, world: KeyWorld) -> None:
        permission, identity = await world.permission("docs.read"), await world.identity("user_1")
        data = await world.create(permissions=["docs.read"], externalId="user_1")
        assert (await world.one("keys", data["keyId"], "identity_id"))[0] == identity
        linked = await world.sql(f"SELECT permission_id FROM keys_permissions WHERE key_id='{data['keyId']}'")
        assert linked == [(permission,)]

    async def test_first_key_of_a_workspace_makes_its_default_project(self, world: KeyWorld) -> None:
        await world.sql(f"DELETE FROM projects WHERE workspace_id='{world.workspace_id}'")
        await world.create(externalId="u")
        ((project, slug),) = await world.sql(f"SELECT id, slug FROM projects WHERE workspace_id='{world.workspace_id}'")
        assert slug == "default"
        assert await world.count("identities", f"workspace_id='{world.workspace_id}' AND project_id='{project}'") == 1

    async def test_statements_do_not_grow_with_the_lists(self, world: KeyWorld) -> None:
        roles = [await world.role(f"role {n}") for n in range(5)] and [f"role {n}" for n in range(5)]
        limits = [{**LIMIT, "name": f"limit {n}"} for n in range(3)]
        await world.verify("warms the root key")
        with world.statements.recording() as seen:
            await world.create(permissions=[f"p.{n}" for n in range(10)], roles=roles, ratelimits=limits)
        assert [statement.name for statement in seen] == [
            "issuing_api_find",
            "keys.create",
            "api_hold_live",
            "key_insert",
            "ratelimit_upsert",
            "permission_list_by_slugs",
            "permission_insert_if_absent",
            "permission_list_held",
            "key_permission_upsert",
            "role_list_by_names",
            "role_list_held",
            "key_role_upsert",
            "clickhouse_outbox_insert",
            "change_lane_advance",
            "change_insert",
            "keys.create",
        ]


class TestAudit:
    async def test_events_come_in_order_under_one_correlation(self, world: KeyWorld) -> None:
        role = await world.role("admin")
        data = await world.create(name="shown", permissions=["b.b", "a.a"], roles=["admin"])
        entries = await world.audit()
        id_ = data["keyId"]
        assert [(entry["event"], entry["description"]) for entry in entries] == [
            ("authorization.connect_permission_and_key", f"Added permission b.b to key {id_}"),
            ("authorization.connect_permission_and_key", f"Added permission a.a to key {id_}"),
            ("authorization.connect_role_and_key", f"Connected role admin to key {id_}"),
            ("key.create", f"Created key {id_}"),
        ]
        (correlation,) = {entry["correlation_id"] for entry in entries}
        assert correlation.startswith("cor_")
        targets = [[(t["type"], t["name"]) for t in entry["targets"]] for entry in entries]
        assert targets == [
            [("key", "shown"), ("permission", "b.b")],
            [("key", "shown"), ("permission", "a.a")],
            [("key", "shown"), ("role", "admin")],
            [("key", id_), ("api", "payments")],
        ]
        assert entries[2]["targets"][1]["id"] == role

    async def test_lone_event_has_a_correlation_too_and_names_actor_and_origin(self, world: KeyWorld) -> None:
        await world.create()
        (entry,) = await world.audit()
        assert entry["correlation_id"].startswith("cor_")
        assert (entry["actor"]["type"], entry["actor"]["name"]) == ("rootkey", "root key")
        assert entry["remote_ip"] == "203.0.113.9"


class TestNotFound:
    async def test_every_reason_gives_the_same_404(self, world: KeyWorld) -> None:
        """Existence must not leak: apart from the request id the bodies are identical."""
        powerless = (await world.root_key("api.*.read_key")).secret
        foreign = await world.make_api(await world.workspace())
        deleted = await world.make_api(deleted_at_m=1)
        keyspace_gone = await world.make_api(keyspace_deleted_at_m=1)
        bare = await world.make_api(key_auth_id=None)
        absent: list[str] = ["api_absent", foreign.id, deleted.id, keyspace_gone.id]
        asked: list[tuple[str, str | None]] = [(api_id, None) for api_id in absent]
        asked += [(world.api.id, powerless), (bare.id, powerless), ("api_absent", powerless)]
        bodies = []
        for api_id, root in asked:
            answer = await world.call("createKey", {"apiId": api_id}, root=root)
            assert answer.status == 404
            assert b"ks_" not in answer.body
            bodies.append({**answer.json["error"]})
        assert all(body == bodies[0] for body in bodies)
        assert bodies[0]["detail"] == NOT_FOUND
        assert bodies[0]["type"].endswith("data/api_not_found")

    async def test_missing_role_rolls_everything_back(self, world: KeyWorld) -> None:
        await world.role("there")
        answer = await world.call(
            "createKey",
            {"apiId": world.api.id, "externalId": "u", "permissions": ["new.slug"], "roles": ["there", "Gone", "x"]},
        )
        assert (answer.status, answer.json["error"]["detail"]) == (404, "Role 'Gone' was not found.")
        mine = f"workspace_id='{world.workspace_id}'"
        for table in ("keys", "identities", "permissions", "clickhouse_outbox"):
            assert await world.count(table, mine) == 0

    async def test_role_name_in_another_case_is_not_found(self, world: KeyWorld) -> None:
        await world.role("admin")
        answer = await world.call("createKey", {"apiId": world.api.id, "roles": ["Admin"]})
        assert answer.status == 404


class TestPreconditions:
    @pytest.mark.parametrize("recoverable", [False, True])
    @pytest.mark.parametrize("keyspace", [None, "ks_gone"])
    async def test_api_without_keyspace_is_412_for_who_may_create(
        self, world: KeyWorld, keyspace: str | None, *, recoverable: bool
    ) -> None:
        bare = await world.make_api(key_auth_id=keyspace and f"{keyspace}_{recoverable}")
        answer = await world.call("createKey", {"apiId": bare.id, "recoverable": recoverable})
        assert (answer.status, answer.json["error"]["detail"]) == (
            412,
            "The requested API is not set up to handle keys.",
        )


class TestConflict:
    async def test_new_slug_that_differs_in_case_only_is_409_and_creates_nothing(self, world: KeyWorld) -> None:
        await world.permission("docs.read")
        answer = await world.call("createKey", {"apiId": world.api.id, "permissions": ["Docs.Read"]})
        assert answer.status == 409
        assert await world.count("keys", f"workspace_id='{world.workspace_id}'") == 0


class TestInvalid:
    @pytest.mark.parametrize(
        "extra",
        [
            {"permissions": [""]},
            {"permissions": ["p" * 129]},
            {"permissions": ["with space"]},
            {"roles": [""]},
            {"roles": ["r" * 129]},
            {"prefix": "p" * 17},
            {"prefix": "a-b"},
            {"byteLength": 15},
            {"byteLength": 256},
            {"expires": -1},
            {"externalId": "with space"},
            {"name": None},
            {"credits": {}},
            {"ratelimits": [{"name": "abc", "limit": 1, "duration": 1000}]},
            {"meta": {str(n): n for n in range(101)}},
            {"unknown": 1},
        ],
    )
    async def test_body_that_breaks_the_schema_is_400(self, world: KeyWorld, extra: dict[str, Any]) -> None:
        answer = await world.call("createKey", {"apiId": world.api.id, **extra})
        assert answer.status == 400

    @pytest.mark.parametrize(
        ("wanted", "detail"),
        [
            (
                {"remaining": None, "refill": {"interval": "daily", "amount": 1}},
                "`credits.remaining` must be provided when `credits.refill` is set.",
            ),
            (
                {"remaining": 1, "refill": {"interval": "monthly", "amount": 1}},
                "`refillDay` must be provided when the refill interval is `monthly`.",
            ),
        ],
    )
    async def test_credits_that_contradict_each_other_are_400(
        self,
        world: KeyWorld,
        wanted: dict[str, Any],
        detail: str,
    ) -> None:
        answer = await world.call("createKey", {"apiId": world.api.id, "credits": wanted})
        assert (answer.status, answer.json["error"]["detail"]) == (400, detail)

    async def test_metadata_over_the_column_is_400_and_named(self, world: KeyWorld) -> None:
        answer = await world.call("createKey", {"apiId": world.api.id, "meta": {"a": "x" * 65_530}})
        assert answer.status == 400
        assert "meta" in answer.json["error"]["detail"]

    @pytest.mark.parametrize("depth", [30, 60, 200, 600])
    async def test_deeply_nested_metadata_is_stored_or_refused_never_an_error_of_ours(
        self, world: KeyWorld, depth: int
    ) -> None:
        body = f'{{"apiId": "{world.api.id}", "meta": {{"a": {"[" * depth}1{"]" * depth}}}}}'
        assert (await world.call("createKey", body)).status == (200 if depth == 30 else 400)


class TestRecoverable:
    async def test_secret_is_kept_encrypted_under_the_ring_of_the_workspace(self, world: KeyWorld) -> None:
        api = await world.make_api(keyspace_store_encrypted_keys=True)
        data = await world.create(apiId=api.id, recoverable=True)
        stored = await world.one(
            "encrypted_keys", data["keyId"], "encrypted", "encryption_key_id", "workspace_id", by="key_id"
        )
        assert stored == ("enc:" + data["key"][::-1], "dek_1", world.workspace_id)
        assert world.vault.keyrings == [world.workspace_id]

    async def test_keyspace_that_keeps_none_is_412(self, world: KeyWorld) -> None:
        answer = await world.call("createKey", {"apiId": world.api.id, "recoverable": True})
        assert (answer.status, answer.json["error"]["detail"]) == (412, "This API does not support key encryption.")

    async def test_failing_vault_is_500_and_creates_nothing(self, world: KeyWorld) -> None:
        api = await world.make_api(keyspace_store_encrypted_keys=True)
        world.vault.down = True
        answer = await world.call("createKey", {"apiId": api.id, "recoverable": True})
        assert (answer.status, answer.json["error"]["detail"]) == (500, "Failed to encrypt key in vault.")
        assert answer.json["error"]["type"].endswith("service_unavailable")
        assert await world.count("keys", f"workspace_id='{world.workspace_id}'") == 0

    async def test_without_permission_to_encrypt_it_is_the_masked_404(self, world: KeyWorld) -> None:
        api = await world.make_api(keyspace_store_encrypted_keys=True)
        root = await world.root_key("api.*.create_key")
        answer = await world.call("createKey", {"apiId": api.id, "recoverable": True}, root=root.secret)
        assert (answer.status, answer.json["error"]["detail"]) == (404, NOT_FOUND)

    async def test_urn_must_cover_all_keys_of_the_keyspace(self, world: KeyWorld) -> None:
        api = await world.make_api(keyspace_store_encrypted_keys=True)
        start = f"unkey:v1:{world.workspace_id}:keyspaces/{api.keyspace_id}"
        one = await world.root_key(f"{start}#create_key", f"{start}/keys/key_1#encrypt_key")
        every = await world.root_key(f"{start}#create_key", f"{start}/keys/*#encrypt_key")
        body = {"apiId": api.id, "recoverable": True}
        assert (await world.call("createKey", body, root=one.secret)).status == 404
        assert (await world.call("createKey", body, root=every.secret)).status == 200


class TestConcurrency:
    async def test_twenty_creations_with_one_new_external_id_make_one_identity(self, world: KeyWorld) -> None:
        answers = await asyncio.gather(
            *(world.call("createKey", {"apiId": world.api.id, "externalId": "new-user"}) for _ in range(20))
        )
        assert [answer.status for answer in answers] == [200] * 20
        assert await world.count("identities", f"workspace_id='{world.workspace_id}'") == 1
        owners = await world.sql(f"SELECT DISTINCT identity_id FROM `keys` WHERE workspace_id='{world.workspace_id}'")
        assert len(owners) == 1

    async def test_many_creators_of_the_same_permissions_all_succeed(self, world: KeyWorld) -> None:
        slugs = [fresh("slug").lower() for _ in range(5)]
        answers = await asyncio.gather(
            *(
                world.call("createKey", {"apiId": world.api.id, "permissions": slugs[n % 5 :] + slugs[: n % 5]})
                for n in range(20)
            )
        )
        assert [answer.status for answer in answers] == [200] * 20
        assert await world.count("permissions", f"workspace_id='{world.workspace_id}'") == 5
        assert await world.count("keys_permissions", f"workspace_id='{world.workspace_id}'") == 100


class TestDenied:
    async def test_disabled_root_key_is_403(self, world: KeyWorld) -> None:
        """The one way to get a 403 here: a missing permission is reported as absence."""
        root = await world.root_key("api.*.read_key", enabled=False)
        answer = await world.call("createKey", {"apiId": world.api.id}, root=root.secret)
        assert answer.status == 403
        assert answer.json["error"]["type"].endswith("authorization/key_disabled")


class TestUnauthenticated:
    async def test_unknown_root_key_is_401_before_anything_is_looked_up(self, world: KeyWorld) -> None:
        answer = await world.call("createKey", {"apiId": world.api.id}, root=fresh("root"))
        assert answer.status == 401
        assert answer.json["error"]["type"].endswith("authentication/key_not_found")
