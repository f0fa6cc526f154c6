"""apis.listKeys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.rpc.apis.making import NOT_FOUND, keyspace_of, make_api, make_key, urn_of
from tests.rpc.identities.making import make_identity, make_limit
from tests.rpc.permissions.making import make_permission, make_role
from tests.support.key_surroundings import ReversingVault
from tests.support.stage import Stage, names
from unkey_api.core.secret import Secret

pytestmark = pytest.mark.integration
PATH = "/v2/apis.listKeys"
READ = ("api.*.read_key", "api.*.read_api")


class BulkVault(ReversingVault):
    """Notes what each bulk call asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.bulks: list[tuple[str, set[str]]] = []

    async def decrypt_many(self, keyring: str, encrypted: Mapping[str, str]) -> dict[str, Secret]:
        self.bulks.append((keyring, set(encrypted)))
        return await super().decrypt_many(keyring, encrypted)


async def rows_looked_at(stage: Stage) -> int:
    """Index entries and rows that the server has read so far, and those it only compared in the index."""
    kinds = "'HANDLER_READ_NEXT', 'HANDLER_READ_KEY', 'HANDLER_READ_RND_NEXT', 'HANDLER_ICP_ATTEMPTS'"
    [(total,)] = await stage.sql(
        f"SELECT SUM(VARIABLE_VALUE) FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME IN ({kinds})"
    )
    return int(total)


@pytest.fixture
def key(stage: Stage, workspace: str) -> str:
    return stage.root_key(workspace, *READ)


@pytest.fixture
async def api(stage: Stage, workspace: str) -> str:
    return await make_api(stage, workspace)


@pytest.fixture
async def keyspace(stage: Stage, api: str) -> str:
    return await keyspace_of(stage, api)


class TestListed:
    async def test_pages_hold_each_live_key_once_in_order_of_id(
        self, stage: Stage, workspace: str, key: str, api: str, keyspace: str
    ) -> None:
        made = {await make_key(stage, workspace, keyspace) for _ in range(3)}
        made.add(await make_key(stage, workspace, keyspace, enabled=0))
        made.add(await make_key(stage, workspace, keyspace, expires="2020-01-01 00:00:00.000"))
        await make_key(stage, workspace, keyspace, deleted_at_m=1)
        await make_key(stage, workspace, await keyspace_of(stage, await make_api(stage, workspace)))
        body: dict[str, Any] = {"apiId": api, "limit": 2}
        pages: list[list[str]] = []
        while True:
            answer = await stage.post(PATH, body, root_key=key)
            pages.append([item["keyId"] for item in answer.json["data"]])
            if not answer.json["pagination"]["hasMore"]:
                assert "cursor" not in answer.json["pagination"]
                break
            body["cursor"] = answer.json["pagination"]["cursor"]
        assert [len(page) for page in pages] == [2, 2, 1]
        listed = [id_ for page in pages for id_ in page]
        assert set(listed) == made
        ordered = await stage.sql(f"SELECT id FROM `keys` WHERE key_auth_id = '{keyspace}' ORDER BY id")
        assert listed == [row[0] for row in ordered if row[0] in made]

    async def test_deep_page_is_read_from_where_it_begins(
        self, stage: Stage, workspace: str, key: str, api: str, keyspace: str
    ) -> None:
        """What lies before the cursor must not cost anything, or the last pages of a large API take seconds."""
        ids = sorted(stage.token("key") for _ in range(2000))
        rows = ",".join(f"('{id_}', '{keyspace}', '{id_}', 's', '{workspace}', 1)" for id_ in ids)
        await stage.sql(f"INSERT INTO `keys` (id, key_auth_id, hash, start, workspace_id, created_at_m) VALUES {rows}")
        for cursor in (ids[800], ids[1900]):
            body = {"apiId": api, "limit": 10, "cursor": cursor}
            await stage.post(PATH, body, root_key=key)  # also reads the API
            before = await rows_looked_at(stage)
            answer = await stage.post(PATH, body, root_key=key)
            read = await rows_looked_at(stage) - before
            assert answer.json["data"][0]["keyId"] == cursor
            assert read < 400

    async def test_default_page_holds_a_hundred(
        self, stage: Stage, workspace: str, key: str, api: str, keyspace: str
    ) -> None:
        for _ in range(101):
            await make_key(stage, workspace, keyspace)
        answer = await stage.post(PATH, {"apiId": api}, root_key=key)
        assert (len(answer.json["data"]), answer.json["pagination"]["hasMore"]) == (100, True)

    async def test_api_without_keys_gives_an_empty_page(self, stage: Stage, key: str, api: str) -> None:
        answer = await stage.post(PATH, {"apiId": api}, root_key=key)
        assert (answer.status, answer.json["data"], answer.json["pagination"]) == (200, [], {"hasMore": False})

    async def test_bare_key_shows_what_is_always_there(
        self, stage: Stage, workspace: str, key: str, api: str, keyspace: str
    ) -> None:
        key_id = await make_key(stage, workspace, keyspace)
        (item,) = (await stage.post(PATH, {"apiId": api}, root_key=key)).json["data"]
        assert item == {"keyId": key_id, "start": "sk_abc", "enabled": True, "createdAt": 1_700_000_000_000}

    async def test_full_key_shows_everything_but_the_hash(
        self, stage: Stage, workspace: str, key: str, api: str, keyspace: str
    ) -> None:
        identity_id = await make_identity(stage, workspace, external_id="user_x", meta='{"plan":"pro"}')
        identity_limit = await make_limit(stage, workspace, identity_id, "per_day", limit=7)
        key_id = await make_key(
            stage, workspace, keyspace, name="n", identity_id=identity_id, meta='{"a":1}', remaining_requests=5,
            refill_amount=10, updated_at_m=2, last_used_at=3, expires="2033-05-18 03:33:20.000",
        )  # fmt: skip
        key_limit = stage.token("rl")
        await stage.insert(
            "ratelimits", id=key_limit, workspace_id=workspace, key_id=key_id, name="per_key", limit=9,
            duration=1000, auto_apply=0, created_at=1,
        )  # fmt: skip
        direct, through_role = [await make_permission(stage, workspace, slug) for slug in ("z.direct", "a.role")]
        role_id = await make_role(stage, workspace, through_role, direct, name="the role")
        await stage.insert("keys_roles", key_id=key_id, role_id=role_id, workspace_id=workspace, created_at_m=1)
        await stage.insert(
            "keys_permissions", key_id=key_id, permission_id=direct, workspace_id=workspace, created_at_m=1
        )
        (item,) = (await stage.post(PATH, {"apiId": api}, root_key=key)).json["data"]
        limit = {"name": "per_day", "limit": 7, "duration": 60_000, "autoApply": True}
        assert item == {
            "keyId": key_id,
            "start": "sk_abc",
            "enabled": True,
            "createdAt": 1_700_000_000_000,
            "updatedAt": 2,
            "lastUsedAt": 3,
            "name": "n",
            "expires": 2_000_000_000_000,
            "meta": {"a": 1},
            "permissions": ["a.role", "z.direct"],
            "roles": ["the role"],
            "credits": {"remaining": 5, "refill": {"interval": "daily", "amount": 10}},
            "identity": {
                "id": identity_id,
                "externalId": "user_x",
                "meta": {"plan": "pro"},
                "ratelimits": [{"id": identity_limit} | limit],
            },
            "ratelimits": [{"id": key_limit, "name": "per_key", "limit": 9, "duration": 1000, "autoApply": False}],
        }

    async def test_filter_by_external_id(self, stage: Stage, workspace: str, key: str, api: str, keyspace: str) -> None:
        identity_id = await make_identity(stage, workspace, external_id="user_x")
        mine = await make_key(stage, workspace, keyspace, identity_id=identity_id)
        await make_key(stage, workspace, keyspace)
        for external_id, expected in (("user_x", [mine]), ("nobody", [])):
            answer = await stage.post(PATH, {"apiId": api, "externalId": external_id}, root_key=key)
            assert [item["keyId"] for item in answer.json["data"]] == expected
            assert answer.json["pagination"] == {"hasMore": False}
        everything = await stage.post(PATH, {"apiId": api}, root_key=key)
        assert len(everything.json["data"]) == 2

    async def test_deleted_identity_is_neither_shown_nor_found(
        self, stage: Stage, workspace: str, key: str, api: str, keyspace: str
    ) -> None:
        identity_id = await make_identity(stage, workspace, external_id="user_x", deleted=1)
        await make_key(stage, workspace, keyspace, identity_id=identity_id)
        (item,) = (await stage.post(PATH, {"apiId": api}, root_key=key)).json["data"]
        assert "identity" not in item
        found = await stage.post(PATH, {"apiId": api, "externalId": "user_x"}, root_key=key)
        assert found.json["data"] == []

    async def test_made_up_cursor_is_a_lower_bound(
        self, stage: Stage, workspace: str, key: str, api: str, keyspace: str
    ) -> None:
        await make_key(stage, workspace, keyspace)
        for cursor, count in (("a", 1), ("zzzz", 0)):
            answer = await stage.post(PATH, {"apiId": api, "cursor": cursor}, root_key=key)
            assert (answer.status, len(answer.json["data"])) == (200, count)

    async def test_one_statement_whatever_the_page(
        self, stage: Stage, workspace: str, key: str, api: str, keyspace: str
    ) -> None:
        for _ in range(20):
            identity_id = await make_identity(stage, workspace)
            await make_key(stage, workspace, keyspace, identity_id=identity_id)
        await stage.post(PATH, {"apiId": api}, root_key=key)
        with stage.statements.recording() as seen:
            answer = await stage.post(PATH, {"apiId": api, "externalId": "x", "limit": 100}, root_key=key)
        assert answer.status == 200
        assert names(seen) == ["key_list_of_keyspace"]

    async def test_nothing_is_written(self, stage: Stage, workspace: str, key: str, api: str) -> None:
        await stage.post(PATH, {"apiId": api, "revalidateKeysCache": True}, root_key=key)
        assert await stage.audits(workspace) == []


class TestDecrypt:
    @pytest.fixture
    def vault(self, stage: Stage) -> BulkVault:
        stage.vault = BulkVault()
        return stage.vault

    @pytest.fixture
    async def api(self, stage: Stage, workspace: str) -> str:
        return await make_api(stage, workspace, keyspace={"store_encrypted_keys": 1})

    @pytest.fixture
    def key(self, stage: Stage, workspace: str) -> str:
        return stage.root_key(workspace, *READ, "api.*.decrypt_key")

    @pytest.fixture
    async def kept(self, stage: Stage, workspace: str, keyspace: str) -> list[str]:
        """Two recoverable keys beside one that is not."""
        await make_key(stage, workspace, keyspace)
        made = [await make_key(stage, workspace, keyspace) for _ in range(2)]
        for key_id in made:
            await stage.insert(
                "encrypted_keys", workspace_id=workspace, key_id=key_id, encrypted=f"enc:{key_id}",
                encryption_key_id="dek", created_at=1,
            )  # fmt: skip
        return made

    async def test_secrets_come_with_one_call_to_the_vault(
        self, stage: Stage, workspace: str, key: str, api: str, vault: BulkVault, kept: list[str]
    ) -> None:
        answer = await stage.post(PATH, {"apiId": api, "decrypt": True}, root_key=key)
        shown = {item["keyId"]: item["plaintext"] for item in answer.json["data"] if "plaintext" in item}
        assert shown == {key_id: key_id[::-1] for key_id in kept}
        assert vault.bulks == [(workspace, set(kept))]

    async def test_secrets_stay_away_unless_asked_for(
        self, stage: Stage, key: str, api: str, vault: BulkVault, kept: list[str]
    ) -> None:
        answer = await stage.post(PATH, {"apiId": api}, root_key=key)
        assert not any("plaintext" in item for item in answer.json["data"])
        assert vault.bulks == []

    async def test_nothing_to_decrypt_does_not_call_the_vault(
        self, stage: Stage, workspace: str, key: str, api: str, keyspace: str, vault: BulkVault
    ) -> None:
        await make_key(stage, workspace, keyspace)
        answer = await stage.post(PATH, {"apiId": api, "decrypt": True}, root_key=key)
        assert len(answer.json["data"]) == 1
        assert vault.bulks == []

    async def test_vault_that_is_away_gives_the_page_without_secrets(
        self, stage: Stage, key: str, api: str, vault: BulkVault, kept: list[str]
    ) -> None:
        vault.down = True
        answer = await stage.post(PATH, {"apiId": api, "decrypt": True}, root_key=key)
        assert (answer.status, len(answer.json["data"])) == (200, 3)
        assert not any("plaintext" in item for item in answer.json["data"])

    async def test_grant_for_all_keys_of_the_keyspace_decrypts(
        self, stage: Stage, workspace: str, api: str, keyspace: str, vault: BulkVault
    ) -> None:
        key = stage.root_key(workspace, *READ, f"unkey:v1:{workspace}:keyspaces/{keyspace}/keys/*#decrypt_key")
        assert (await stage.post(PATH, {"apiId": api, "decrypt": True}, root_key=key)).status == 200

    async def test_without_a_vault_it_is_a_failed_precondition(self, stage: Stage, workspace: str, api: str) -> None:
        """Before the permission to decrypt is asked for."""
        answer = await stage.post(PATH, {"apiId": api, "decrypt": True}, root_key=stage.root_key(workspace, *READ))
        assert (answer.status, answer.json["error"]["detail"]) == (412, "Vault hasn't been set up.")

    async def test_keyspace_that_keeps_nothing_is_a_failed_precondition(
        self, stage: Stage, workspace: str, key: str, vault: BulkVault
    ) -> None:
        answer = await stage.post(PATH, {"apiId": await make_api(stage, workspace), "decrypt": True}, root_key=key)
        expected = "The requested API does not support key encryption."
        assert (answer.status, answer.json["error"]["detail"]) == (412, expected)


class TestDenied:
    async def test_missing_permission_to_decrypt_is_not_hidden(self, stage: Stage, workspace: str) -> None:
        """Who may read the keys knows that they are there."""
        stage.vault = BulkVault()
        api = await make_api(stage, workspace, keyspace={"store_encrypted_keys": 1})
        key = stage.root_key(workspace, *READ)
        answer = await stage.post(PATH, {"apiId": api, "decrypt": True}, root_key=key)
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")
        assert "api.*.decrypt_key" in answer.json["error"]["detail"]


class TestAllowed:
    @pytest.mark.parametrize(
        "grants",
        [
            ("api.*.read_key", "api.{api}.read_api"),
            ("api.{api}.read_key", "api.*.read_api"),
            ("api.{api}.read_key", "api.{api}.read_api"),
            ("unkey:v1:{ws}:keyspaces/{ks}/keys/*#read_key", "unkey:v1:{ws}:keyspaces/{ks}#read_keyspace"),
            ("unkey:v1:{ws}:keyspaces/**#read_key", "unkey:v1:{ws}:keyspaces/*#read_keyspace"),
            ("unkey:v1:{ws}:**#*",),
        ],
    )
    async def test_grants_that_cover_keys_and_api(
        self, stage: Stage, workspace: str, api: str, keyspace: str, grants: tuple[str, ...]
    ) -> None:
        key = stage.root_key(workspace, *(grant.format(api=api, ws=workspace, ks=keyspace) for grant in grants))
        assert (await stage.post(PATH, {"apiId": api}, root_key=key)).status == 200


class TestNotFound:
    @pytest.mark.parametrize(
        "grants",
        [
            (),
            ("api.*.read_key",),
            ("api.*.read_api",),
            ("api.api_other.read_key", "api.api_other.read_api"),
            ("unkey:v1:{ws}:keyspaces/{ks}/keys/*#read_key",),
            ("unkey:v1:{ws}:keyspaces/{ks}/keys/key_1#read_key", "unkey:v1:{ws}:keyspaces/{ks}#read_keyspace"),
        ],
    )
    async def test_denial_looks_like_an_api_that_does_not_exist(
        self, stage: Stage, workspace: str, api: str, keyspace: str, grants: tuple[str, ...]
    ) -> None:
        key = stage.root_key(workspace, *(grant.format(ws=workspace, ks=keyspace) for grant in grants))
        denied = await stage.post(PATH, {"apiId": api}, root_key=key)
        absent = await stage.post(PATH, {"apiId": "api_nobody"}, root_key=key)
        assert (denied.status, urn_of(denied), denied.json["error"]["detail"]) == (404, "api_not_found", NOT_FOUND)
        assert denied.json["error"] == absent.json["error"]

    async def test_absent_deleted_and_foreign_look_the_same(self, stage: Stage, workspace: str, key: str) -> None:
        deleted = await make_api(stage, workspace, deleted_at_m=1)
        foreign = await make_api(stage, stage.workspace())
        for which in ("api_nobody", deleted, foreign, "@#$%", "x" * 5000):
            answer = await stage.post(PATH, {"apiId": which, "decrypt": True}, root_key=key)
            assert (answer.status, answer.json["error"]["detail"]) == (404, NOT_FOUND)


class TestInvalid:
    @pytest.mark.parametrize(
        "changes",
        [
            {"apiId": ""},
            {"apiId": None},
            {"limit": 0},
            {"limit": -1},
            {"limit": 101},
            {"limit": "5"},
            {"externalId": ""},
            {"decrypt": "yes"},
            {"unknown": 1},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(
        self, stage: Stage, key: str, api: str, changes: dict[str, Any]
    ) -> None:
        assert (await stage.post(PATH, {"apiId": api} | changes, root_key=key)).status == 400

    async def test_all_violations_are_told_at_once(self, stage: Stage, key: str) -> None:
        answer = await stage.post(PATH, {"apiId": "", "limit": 0}, root_key=key)
        assert len(answer.json["error"]["errors"]) == 2


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage, api: str) -> None:
        assert (await stage.post(PATH, {"apiId": api})).status == 400
        assert (await stage.post(PATH, {"apiId": api}, root_key="nobody")).status == 401
