"""Root keys as credentials, through the whole application, with real stores."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.asgi import Answer
from tests.support.keys import OPERATOR, KeyWorld, fresh
from tests.support.reads import Direct
from unkey_api.infra.mysql import StoreUnavailable

pytestmark = pytest.mark.integration

INVALID = "The provided root key is invalid."
FORMAT = "You must provide a valid root key in the Authorization header in the format 'Bearer ROOT_KEY'."


async def call(world: KeyWorld, root: str) -> Answer:
    """Verify an unknown key with this root key."""
    return await world.call("verifyKey", {"key": "unknown"}, root=root)


def failure(answer: Answer) -> tuple[int, str, str]:
    """Return status, error code and detail."""
    error = answer.json["error"]
    return answer.status, ":".join(error["type"].split("/")[-3:]), error["detail"]


class TestAccepted:
    async def test_valid_root_key_is_let_in_and_costs_one_statement_cold_none_warm(self, world: KeyWorld) -> None:
        root = await world.root_key()
        await world.verify("unknown")
        with world.statements.recording() as cold:
            assert (await call(world, root.secret)).status == 200
        with world.statements.recording() as warm:
            assert (await call(world, root.secret)).status == 200
        assert [statement.name for statement in cold] == ["verifiable_key_find_by_hash"]
        assert warm == []

    async def test_permissions_of_its_roles_count(self, world: KeyWorld) -> None:
        key, root = await world.key(), await world.root_key()
        role = await world.role(fresh("role"), "api.*.verify_key", workspace_id=OPERATOR)
        await world.give_role(root.id, role)
        assert (await world.verify(key.secret, root=root.secret))["valid"]

    async def test_its_own_addresses_limits_and_credits_do_not_matter(self, world: KeyWorld) -> None:
        root = await world.root_key(remaining_requests=0)
        await world.limit("requests", key_id=root.id, limit=1)
        answers = [await call(world, root.secret) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 200]

    @pytest.mark.parametrize("header", ["Bearer   {}", "  Bearer {}  "])
    async def test_blanks_around_the_token_do_not_matter(self, world: KeyWorld, header: str) -> None:
        headers = {"content-type": "application/json", "authorization": header.format(world.root)}
        answer = await world.client.post("/v2/keys.verifyKey", {"key": "unknown"}, headers=headers)
        assert answer.status == 200


class TestRefused:
    @pytest.mark.parametrize(
        ("columns", "expected"),
        [
            (
                {"deleted_at_m": 1},
                (401, "unkey:authentication:key_not_found", f"{INVALID} We could not find the requested key."),
            ),
            ({"enabled": False}, (403, "unkey:authorization:key_disabled", f"{INVALID} The key is disabled.")),
            (
                {"expires": "2025-01-02 03:04:05.678"},
                (403, "unkey:authorization:forbidden", f"{INVALID} the key has expired on 2025-01-02T03:04:05Z"),
            ),
            ({"for_workspace_id": None}, (401, "unkey:authentication:key_not_found", INVALID)),
            (
                {"for_workspace_id": "ws_missing"},
                (404, "unkey:data:workspace_not_found", f"{INVALID} The requested workspace does not exist."),
            ),
        ],
    )
    async def test_state_of_the_key_decides(
        self, world: KeyWorld, columns: dict[str, Any], expected: tuple[int, str, str]
    ) -> None:
        root = await world.root_key()
        await world.update("keys", root.id, **columns)
        assert failure(await call(world, root.secret)) == expected

    async def test_unknown_key_is_401(self, world: KeyWorld) -> None:
        expected = (401, "unkey:authentication:key_not_found", f"{INVALID} We could not find the requested key.")
        assert failure(await call(world, fresh("root"))) == expected

    async def test_key_of_a_deleted_api_is_401(self, world: KeyWorld) -> None:
        gone = await world.make_api(OPERATOR, deleted_at_m=1)
        root = await world.key(gone, for_workspace_id=world.workspace_id)
        assert (await call(world, root.secret)).status == 401

    @pytest.mark.parametrize("which", ["own", "target"])
    async def test_disabled_workspace_own_or_target_is_403(self, world: KeyWorld, which: str) -> None:
        disabled = await world.workspace(enabled=False)
        root = await world.root_key(workspace_id=disabled if which == "target" else None)
        if which == "own":
            await world.update("keys", root.id, workspace_id=disabled)
        expected = (403, "unkey:authorization:workspace_disabled", f"{INVALID} The workspace is disabled.")
        assert failure(await call(world, root.secret)) == expected

    async def test_expiry_is_judged_by_the_clock_however_fresh_the_cache(self, world: KeyWorld) -> None:
        root = await world.root_key(expires="2025-06-15 15:07:01")
        assert (await call(world, root.secret)).status == 200
        world.later(1_001)
        assert (await call(world, root.secret)).status == 403


class TestMalformed:
    @pytest.mark.parametrize("header", ["bearer abc", "Basic abc", "abc", "Bearer"])
    async def test_header_without_bearer_prefix_is_400(self, world: KeyWorld, header: str) -> None:
        headers = {"content-type": "application/json", "authorization": header}
        answer = await world.client.post("/v2/keys.verifyKey", {"key": "unknown"}, headers=headers)
        assert failure(answer) == (
            400,
            "unkey:authentication:malformed",
            f"{FORMAT} Your authorization header is missing the 'Bearer ' prefix.",
        )

    async def test_missing_header_is_400_even_before_the_body_is_read(self, world: KeyWorld) -> None:
        answer = await world.client.post("/v2/keys.verifyKey", b"{", headers={"content-type": "application/json"})
        assert answer.status == 400
        assert answer.json["error"]["detail"] == "Authorization header for 'bearer' scheme"

    async def test_broken_body_is_400_even_with_an_unknown_root_key(self, world: KeyWorld) -> None:
        answer = await world.call("verifyKey", {"nope": 1}, root=fresh("root"))
        assert answer.status == 400


class Away:
    """A database that does not answer."""

    async def fetch_one(self, query: object, params: object) -> Any:  # never returns
        raise StoreUnavailable("turned off by the test")

    async def fetch_all(self, query: object, params: object) -> Any:  # never returns
        raise StoreUnavailable("turned off by the test")


class TestDatabaseAway:
    async def test_unknown_credential_is_an_error_of_ours_and_known_ones_go_on(self, world: KeyWorld) -> None:
        key = await world.key()
        await world.verify(key.secret)
        present, world.directory._database = world.directory._database, Direct(Away())
        expected = (500, "unkey:application:service_unavailable", "We could not load the requested key.")
        assert failure(await call(world, fresh("root"))) == expected
        assert failure(await world.call("verifyKey", {"key": fresh("sk")})) == expected
        assert (await world.verify(key.secret))["valid"]
        world.directory._database = present
        assert (await world.verify(fresh("sk")))["code"] == "NOT_FOUND"
