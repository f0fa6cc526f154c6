"""rootKeys.createKey."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from connectrpc.code import Code
from unkey_proto.unkey.rootkeys.v2 import rootkeys_pb as pb

from tests.rpc.rootkeys.making import HOUR, Ring, urn_of
from tests.support.harness import raises_code

pytestmark = pytest.mark.integration
PATH = "/v2/rootKeys.createKey"


class TestSuccess:
    async def test_created_key_works_with_exactly_its_permissions(self, ring: Ring) -> None:
        made = await ring.create(permissions=[ring.urn("rootKeys/*#read")], name="ci")
        assert set(made) == {"keyId", "key"}
        assert re.fullmatch(r"key_[a-zA-Z0-9]{9}", made["keyId"])
        assert made["key"].startswith("unkey_")
        answer = await ring.api.post("/v2/rootKeys.listKeys", {}, made["key"])
        item = next(item for item in answer.json["data"] if item["keyId"] == made["keyId"])
        assert item == {
            "keyId": made["keyId"],
            "name": "ci",
            "start": made["key"][:10],
            "end": "",
            "enabled": True,
            "createdAt": ring.api.now(),
            "lastUsedAt": 0,
            "expires": None,
            "permissions": [ring.urn("rootKeys/*#read")],
        }
        assert (await ring.post("createKey", {"permissions": []}, made["key"])).status == 403

    async def test_only_the_hash_is_stored(self, ring: Ring) -> None:
        made = await ring.create()
        rows = await ring.sql(f"SELECT * FROM `keys` WHERE id = '{made['keyId']}'")
        assert len(rows) == 1
        assert made["key"] not in str(rows)

    async def test_generated_client(self, ring: Ring) -> None:
        request = pb.CreateKeyRequest(permissions=[ring.urn("limits#read")], name="rpc")
        made = await ring.api.root_keys(ring.admin).create_key(request)
        assert (await ring.listed())[made.key_id]["name"] == "rpc"

    async def test_expiry_is_kept_and_ends_the_key(self, ring: Ring) -> None:
        made = await ring.create(expires=ring.api.now() + HOUR)
        assert (await ring.listed())[made["keyId"]]["expires"] == ring.api.now() + HOUR
        assert await ring.status_of(made["key"]) == 200
        ring.api.clock.advance(HOUR + 1)
        assert await ring.status_of(made["key"]) == 403

    async def test_null_expiry_and_no_name_mean_never_and_none(self, ring: Ring) -> None:
        made = await ring.create(expires=None)
        item = (await ring.listed())[made["keyId"]]
        assert (item["expires"], item["name"], item["permissions"]) == (None, None, [])

    async def test_permission_longer_than_the_slug_column_works(self, ring: Ring) -> None:
        path = "projects/p_123456789/apps/app_123456789/environments/env_123456789/deployments/d_123456789/buildLogs/**"
        long = ring.urn(f"{path}#rollback_deployment")
        assert len(long) > 128
        made = await ring.create(permissions=[long, ring.urn("rootKeys/*#write")])
        assert long in (await ring.listed())[made["keyId"]]["permissions"]
        # The new key holds it, therefore it may pass it on.
        answer = await ring.post("createKey", {"permissions": [long]}, made["key"])
        assert answer.status == 200, answer.json

    @pytest.mark.parametrize("stored", ["usage#READ", "usage#réad"])
    async def test_permission_stored_mistyped_before_bars_nothing(self, ring: Ring, stored: str) -> None:
        """The unique index takes the two for equal; such rows are left over from when mistakes were accepted."""
        made = await ring.create()
        [(owner,)] = await ring.sql(f"SELECT workspace_id FROM `keys` WHERE id = '{made['keyId']}'")
        await ring.sql(
            "INSERT INTO permissions (id, workspace_id, project_id, name, slug, created_at_m) "
            f"VALUES ('perm_{made['keyId']}', '{owner}', 'proj_x', 'x', '{ring.urn(stored)}', 1)"
        )
        right = ring.urn("usage#read")
        keys = [await ring.create(permissions=[right, ring.urn("rootKeys/*#write")]) for _ in range(2)]
        for key in keys:
            assert right in (await ring.listed())[key["keyId"]]["permissions"]
            answer = await ring.post("createKey", {"permissions": [right]}, key["key"])
            assert answer.status == 200, answer.json

    async def test_ids_that_differ_in_letter_case_only_are_different(self, ring: Ring) -> None:
        both = [ring.urn(f"keyspaces/{id_}#create_key") for id_ in ("ks_Abc", "ks_aBc")]
        first = await ring.create(permissions=[both[0]])
        second = await ring.create(permissions=both)
        listed = await ring.listed()
        assert listed[first["keyId"]]["permissions"] == [both[0]]
        assert listed[second["keyId"]]["permissions"] == sorted(both)

    async def test_repeated_permissions_count_once(self, ring: Ring) -> None:
        made = await ring.create(permissions=[ring.urn("usage#read")] * 3)
        assert (await ring.listed())[made["keyId"]]["permissions"] == [ring.urn("usage#read")]

    async def test_covered_permissions_can_be_given_away(self, ring: Ring) -> None:
        caller = await ring.caller("rootKeys/*#write", "keyspaces/**#read_key", "projects/*/apps/*#read")
        wanted = ["keyspaces/ks_1/keys/*#read_key", "keyspaces/**#read_key", "projects/p/apps/a#read"]
        await ring.create(caller, permissions=[ring.urn(path) for path in wanted])

    async def test_audit_entries_tell_who_made_it_and_what_it_may(self, ring: Ring) -> None:
        made = await ring.create(permissions=[ring.urn("usage#read")], name="ci")
        [created] = await ring.audits("key.create", made["keyId"])
        [connected] = await ring.audits("authorization.connect_permission_and_key", made["keyId"])
        assert created["actor"]["type"] == "rootkey"
        assert created["targets"] == [{"type": "key", "id": made["keyId"], "name": "ci"}]
        assert connected["targets"][1]["name"] == ring.urn("usage#read")
        assert created["correlation_id"] == connected["correlation_id"]

    async def test_parallel_callers_share_permissions_and_get_distinct_keys(self, ring: Ring) -> None:
        wanted = [ring.urn(f"keyspaces/ks_{n}#create_key") for n in range(6)]
        made = await asyncio.gather(*(ring.create(permissions=wanted[n % 2 :]) for n in range(12)))
        assert len({key["keyId"] for key in made}) == 12
        listed = await ring.listed()
        assert all(listed[key["keyId"]]["permissions"] == sorted(wanted[n % 2 :]) for n, key in enumerate(made))
        rows = await ring.sql(
            f"SELECT slug FROM permissions WHERE slug LIKE 'unkey:v1:{ring.workspace_id}:keyspaces/%'"
        )
        assert len(rows) == 6


class TestInvalid:
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"permissions": None},
            {"permissions": [""]},
            {"permissions": ["x" * 256]},
            {"permissions": [], "name": "x" * 256},
            {"permissions": [], "expires": "soon"},
            {"permissions": [], "surplus": 1},
        ],
    )
    async def test_body_that_breaks_the_schema(self, ring: Ring, body: dict[str, Any]) -> None:
        answer = await ring.post("createKey", body)
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")

    @pytest.mark.parametrize("ago", [0, 1, 1_750_000_000_000])
    async def test_expiry_must_be_in_the_future(self, ring: Ring, ago: int) -> None:
        answer = await ring.post("createKey", {"permissions": [], "expires": ring.api.now() - ago})
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")
        assert answer.json["error"]["detail"] == "`expires` must be in the future."

    @pytest.mark.parametrize(
        "permission",
        [
            "api.*.create_key",
            "*",
            "unkey:v1:ws_other:usage#read",
            "unkey:v2:{ws}:usage#read",
            "unkey:v1:{ws}:usage",
            "unkey:v1:{ws}:usage#*",
            "unkey:v1:{ws}:rootKeys/**/x#read",
            "unkey:v1:{ws}:kittens/*#read",
            "unkey:v1:{ws}:usage#read#read",
        ],
    )
    async def test_only_supported_urns_of_the_workspace(self, ring: Ring, permission: str) -> None:
        body = {"permissions": [ring.urn("usage#read"), permission.format(ws=ring.workspace_id)]}
        answer = await ring.post("createKey", body)
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")
        assert "is not supported" in answer.json["error"]["detail"]
        assert len(await ring.listed()) == 1

    @pytest.mark.parametrize(
        ("mistyped", "meant"),
        [
            ("usage#READ", "usage#read"),
            ("keyspaces/*#Decrypt_Key", "keyspaces/*#decrypt_key"),
            ("keyspaces/*#décrypt_key", "keyspaces/*#decrypt_key"),
            ("keyspaces/*/key/*#read_key", "keyspaces/*/keys/*#read_key"),
            ("ratelimits/namespace/*#limit", "ratelimits/namespaces/*#limit"),
        ],
    )
    async def test_mistyped_permission_is_refused_with_the_right_one(
        self, ring: Ring, mistyped: str, meant: str
    ) -> None:
        for method, more in (("createKey", {}), ("updateKey", {"keyId": (await ring.create())["keyId"]})):
            answer = await ring.post(method, {**more, "permissions": [ring.urn(mistyped)]})
            assert (answer.status, urn_of(answer)) == (400, "invalid_input")
            detail = answer.json["error"]["detail"]
            assert detail.startswith(f"The permission '{ring.urn(mistyped)}' is not supported: ")
            assert f"did you mean `{ring.urn(meant)}`?" in detail
        await ring.create(permissions=[ring.urn(meant)])

    async def test_generated_client(self, ring: Ring) -> None:
        with raises_code(Code.INVALID_ARGUMENT, "err:unkey:application:invalid_input"):
            await ring.api.root_keys(ring.admin).create_key(pb.CreateKeyRequest(permissions=["nonsense"]))


class TestUnauthenticated:
    async def test_unknown_root_key(self, ring: Ring) -> None:
        answer = await ring.post("createKey", {"permissions": []}, "unkey_nope")
        assert (answer.status, urn_of(answer)) == (401, "key_not_found")


class TestDenied:
    @pytest.mark.parametrize("held", ["rootKeys/*#read", "rootKeys/*#delete", "rootKeys/key_1#write", "usage#read"])
    async def test_creating_needs_write_on_all_root_keys(self, ring: Ring, held: str) -> None:
        answer = await ring.post("createKey", {"permissions": []}, await ring.caller(held))
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")
        assert answer.json["error"]["detail"] == f"Missing permission: '{ring.urn('rootKeys/*#write')}'"

    @pytest.mark.parametrize(
        "wanted",
        [
            "**#*",
            "rootKeys/**#write",
            "rootKeys/*#read",
            "keyspaces/*#create_key",
            "keyspaces/ks_1/**#create_key",
            "keyspaces/ks_2#create_key",
            "**#create_key",
        ],
    )
    async def test_nobody_gives_away_more_than_they_hold(self, ring: Ring, wanted: str) -> None:
        caller = await ring.caller("rootKeys/*#write", "keyspaces/ks_1#create_key", "keyspaces/ks_1/*#create_key")
        answer = await ring.post("createKey", {"permissions": [ring.urn(wanted)]}, caller)
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")
        assert answer.json["error"]["detail"] == f"Missing permission: '{ring.urn(wanted)}'"

    @pytest.mark.parametrize("later", [None, 1])
    async def test_expiring_caller_makes_no_key_that_outlives_it(self, ring: Ring, later: int | None) -> None:
        end = ring.api.now() + HOUR
        caller = await ring.expiring("rootKeys/*#write", expires=end)
        body = {"permissions": []} if later is None else {"permissions": [], "expires": end + later}
        answer = await ring.post("createKey", body, caller)
        assert (answer.status, urn_of(answer)) == (403, "forbidden")
        await ring.create(caller, expires=end)

    async def test_generated_client(self, ring: Ring) -> None:
        with raises_code(Code.PERMISSION_DENIED, "err:unkey:authorization:insufficient_permissions"):
            await ring.api.root_keys(await ring.caller("usage#read")).create_key(pb.CreateKeyRequest())
