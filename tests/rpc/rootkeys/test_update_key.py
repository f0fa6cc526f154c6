"""rootKeys.updateKey."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from connectrpc.code import Code
from protobuf.wkt.google.protobuf.field_mask_pb import FieldMask
from unkey_proto.unkey.rootkeys.v2 import rootkeys_pb as pb

from tests.rpc.rootkeys.making import HOUR, Ring, urn_of
from tests.rpc.rootkeys.test_list_keys import give_role
from tests.support.harness import Caller, raises_code

pytestmark = pytest.mark.integration


class TestSuccess:
    async def test_what_is_left_out_stays(self, ring: Ring) -> None:
        made = await ring.create(name="old", permissions=[ring.urn("usage#read")], expires=ring.api.now() + HOUR)
        before = (await ring.listed())[made["keyId"]]
        answer = await ring.post("updateKey", {"keyId": made["keyId"], "name": "new"})
        assert (answer.status, answer.json["data"]) == (200, {})
        assert (await ring.listed())[made["keyId"]] == {**before, "name": "new"}

    async def test_null_removes_the_name(self, ring: Ring) -> None:
        made = await ring.create(name="old")
        await ring.post("updateKey", {"keyId": made["keyId"], "name": None})
        assert (await ring.listed())[made["keyId"]]["name"] is None

    async def test_disabled_key_is_refused_at_once_and_works_again_when_enabled(self, ring: Ring) -> None:
        made = await ring.create()
        assert await ring.status_of(made["key"]) == 200
        await ring.post("updateKey", {"keyId": made["keyId"], "enabled": False})
        assert await ring.status_of(made["key"]) == 403
        await ring.post("updateKey", {"keyId": made["keyId"], "enabled": True})
        assert await ring.status_of(made["key"]) == 200

    async def test_permissions_are_replaced_completely_and_at_once(self, ring: Ring) -> None:
        made = await ring.create(permissions=[ring.urn("rootKeys/*#write"), ring.urn("usage#read")])
        await give_role(ring, made["keyId"], ring.urn("limits#read"))
        assert (await ring.post("createKey", {"permissions": []}, made["key"])).status == 200
        wanted = [ring.urn("usage#read"), ring.urn("rootKeys/*#read")]
        await ring.post("updateKey", {"keyId": made["keyId"], "permissions": wanted})
        assert (await ring.listed())[made["keyId"]]["permissions"] == sorted(wanted)
        assert (await ring.post("createKey", {"permissions": []}, made["key"])).status == 403
        lost = await ring.audits("authorization.disconnect_permission_and_key", made["keyId"])
        assert sorted(e["targets"][1]["name"] for e in lost) == [ring.urn("limits#read"), ring.urn("rootKeys/*#write")]
        gained = (await ring.audits("authorization.connect_permission_and_key", made["keyId"]))[-1]
        assert gained["targets"][1]["name"] == ring.urn("rootKeys/*#read")

    async def test_empty_list_removes_all_permissions(self, ring: Ring) -> None:
        made = await ring.create(permissions=[ring.urn("usage#read")])
        await ring.post("updateKey", {"keyId": made["keyId"], "permissions": []})
        assert (await ring.listed())[made["keyId"]]["permissions"] == []

    async def test_permission_on_this_key_alone_is_enough(self, ring: Ring) -> None:
        made = await ring.create()
        caller = await ring.caller(f"rootKeys/{made['keyId']}#write")
        assert (await ring.post("updateKey", {"keyId": made["keyId"], "name": "x"}, caller)).status == 200

    async def test_generated_client_clears_with_the_mask(self, ring: Ring) -> None:
        made = await ring.create(name="x", permissions=[ring.urn("usage#read")])
        request = pb.UpdateKeyRequest(key_id=made["keyId"], null_fields=FieldMask(paths=["name", "permissions"]))
        await ring.api.root_keys(ring.admin).update_key(request)
        item = (await ring.listed())[made["keyId"]]
        assert (item["name"], item["permissions"]) == (None, [])

    async def test_audit_entry(self, ring: Ring) -> None:
        made = await ring.create(name="ci")
        await ring.post("updateKey", {"keyId": made["keyId"], "enabled": False})
        [entry] = await ring.audits("key.update", made["keyId"])
        assert entry["description"] == f"Updated root key {made['keyId']}"
        assert entry["targets"][0]["meta"] == {"changes": {"enabled": {"from": True, "to": False}}}

    async def test_audit_entry_tells_every_change_and_nothing_else(self, ring: Ring) -> None:
        usage, limits = ring.urn("usage#read"), ring.urn("limits#read")
        made = await ring.create(name="ci", permissions=[usage])
        body = {"keyId": made["keyId"], "name": None, "enabled": True, "permissions": [limits]}
        await ring.post("updateKey", body)
        [entry] = await ring.audits("key.update", made["keyId"])
        assert entry["targets"][0]["meta"]["changes"] == {
            "name": {"from": "ci", "to": None},
            "permissions": {"from": [usage], "to": [limits]},
        }
        assert made["key"] not in json.dumps(entry)

    async def test_parallel_replacements_leave_exactly_one_of_them(self, ring: Ring) -> None:
        made = await ring.create(permissions=[ring.urn("usage#read")])
        sets = [[ring.urn(f"keyspaces/ks_{n}#create_key"), ring.urn(f"keyspaces/ks_{n}#read")] for n in range(6)]
        answers = await asyncio.gather(
            *(ring.post("updateKey", {"keyId": made["keyId"], "permissions": wanted}) for wanted in sets)
        )
        assert {answer.status for answer in answers} == {200}
        assert (await ring.listed())[made["keyId"]]["permissions"] in sets


class TestStrength:
    """Who may only write makes no key stronger than itself, and none weaker."""

    async def held(self, ring: Ring, *paths: str, enabled: bool = True) -> str:
        made = await ring.create(permissions=[ring.urn(path) for path in paths])
        if not enabled:
            await ring.post("updateKey", {"keyId": made["keyId"], "enabled": False})
        return made["keyId"]

    @pytest.mark.parametrize("strong", ["**#*", "usage#read"])
    async def test_switching_on_needs_what_the_key_has(self, ring: Ring, strong: str) -> None:
        key_id = await self.held(ring, strong, enabled=False)
        caller = await ring.caller("rootKeys/*#write", "rootKeys/*#delete")
        answer = await ring.post("updateKey", {"keyId": key_id, "enabled": True}, caller)
        assert (answer.status, answer.json["error"]["detail"]) == (403, f"Missing permission: '{ring.urn(strong)}'")
        assert (await ring.listed())[key_id]["enabled"] is False
        strong_caller = await ring.caller("rootKeys/*#write", strong)
        assert (await ring.post("updateKey", {"keyId": key_id, "enabled": True}, strong_caller)).status == 200

    async def test_switching_on_with_other_permissions_needs_those(self, ring: Ring) -> None:
        key_id = await self.held(ring, "**#*", enabled=False)
        caller = await ring.caller("rootKeys/*#write", "rootKeys/*#delete", "usage#read")
        body = {"keyId": key_id, "enabled": True, "permissions": [ring.urn("usage#read")]}
        assert (await ring.post("updateKey", body, caller)).status == 200
        assert (await ring.listed())[key_id]["permissions"] == [ring.urn("usage#read")]

    async def test_permission_through_a_role_counts(self, ring: Ring) -> None:
        key_id = await self.held(ring, enabled=False)
        await give_role(ring, key_id, ring.urn("limits#read"))
        caller = await ring.caller("rootKeys/*#write")
        assert (await ring.post("updateKey", {"keyId": key_id, "enabled": True}, caller)).status == 403

    @pytest.mark.parametrize("weaker", [{"enabled": False}, {"permissions": []}, {"permissions": ["limits#read"]}])
    async def test_weakening_needs_delete(self, ring: Ring, weaker: dict[str, Any]) -> None:
        if "permissions" in weaker:
            weaker = {"permissions": [ring.urn(path) for path in weaker["permissions"]]}
        key_id = await self.held(ring, "usage#read")
        before = (await ring.listed())[key_id]
        held = "rootKeys/*#write", "usage#read", "limits#read"
        answer = await ring.post("updateKey", {"keyId": key_id, **weaker}, await ring.caller(*held))
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")
        assert f"rootKeys/{key_id}#delete" in answer.json["error"]["detail"]
        assert (await ring.listed())[key_id] == before
        caller = await ring.caller(*held, f"rootKeys/{key_id}#delete")
        assert (await ring.post("updateKey", {"keyId": key_id, **weaker}, caller)).status == 200

    async def test_write_alone_renames_and_repeats_what_is(self, ring: Ring) -> None:
        on, off = await self.held(ring, "**#*"), await self.held(ring, "**#*", enabled=False)
        caller = await ring.caller("rootKeys/*#write")
        for key_id, enabled in ((on, True), (off, False)):
            body = {"keyId": key_id, "name": "renamed", "enabled": enabled}
            assert (await ring.post("updateKey", body, caller)).status == 200

    async def test_adding_needs_no_delete(self, ring: Ring) -> None:
        key_id = await self.held(ring, "usage#read")
        caller = await ring.caller("rootKeys/*#write", "usage#read", "limits#read")
        wanted = [ring.urn("usage#read"), ring.urn("limits#read")]
        assert (await ring.post("updateKey", {"keyId": key_id, "permissions": wanted}, caller)).status == 200


class TestInvalid:
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"keyId": "key_1"},
            {"keyId": "k", "name": "x"},
            {"keyId": "key_1", "name": ""},
            {"keyId": "key_1", "enabled": None},
            {"keyId": "key_1", "permissions": None},
            {"keyId": "key_1", "expires": 1},
        ],
    )
    async def test_body_that_breaks_the_schema(self, ring: Ring, body: dict[str, Any]) -> None:
        answer = await ring.post("updateKey", body)
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")

    async def test_unsupported_permission_changes_nothing(self, ring: Ring) -> None:
        made = await ring.create(name="x")
        body = {"keyId": made["keyId"], "name": "y", "permissions": ["api.*.create_key"]}
        answer = await ring.post("updateKey", body)
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")
        assert (await ring.listed())[made["keyId"]]["name"] == "x"


class TestUnauthenticated:
    async def test_unknown_root_key(self, ring: Ring) -> None:
        assert (await ring.post("updateKey", {"keyId": "key_1", "name": "x"}, "unkey_nope")).status == 401


class TestDenied:
    @pytest.mark.parametrize("held", ["rootKeys/*#read", "rootKeys/*#delete", "rootKeys/key_other#write"])
    async def test_write_is_needed(self, ring: Ring, held: str) -> None:
        made = await ring.create()
        answer = await ring.post("updateKey", {"keyId": made["keyId"], "name": "x"}, await ring.caller(held))
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")

    async def test_a_key_cannot_widen_itself(self, ring: Ring) -> None:
        made = await ring.create(permissions=[ring.urn("rootKeys/*#write")])
        body = {"keyId": made["keyId"], "permissions": [ring.urn("rootKeys/*#write"), ring.urn("rootKeys/*#delete")]}
        answer = await ring.post("updateKey", body, made["key"])
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")
        assert (await ring.listed())[made["keyId"]]["permissions"] == [ring.urn("rootKeys/*#write")]

    async def test_expiring_caller_changes_only_keys_that_expire_no_later(self, ring: Ring) -> None:
        end = ring.api.now() + HOUR
        caller = await ring.expiring("rootKeys/*#write", expires=end)
        for expires, status in ((None, 403), (end + 1, 403), (end, 200)):
            made = await ring.create(expires=expires)
            answer = await ring.post("updateKey", {"keyId": made["keyId"], "name": "x"}, caller)
            assert answer.status == status

    async def test_generated_client(self, ring: Ring) -> None:
        made = await ring.create()
        with raises_code(Code.PERMISSION_DENIED, "err:unkey:authorization:insufficient_permissions"):
            client = ring.api.root_keys(Caller(ring.workspace_id, made["key"]))
            await client.update_key(pb.UpdateKeyRequest(key_id=made["keyId"], enabled=True))


class TestNotFound:
    async def test_absent_deleted_foreign_and_ordinary_keys_are_not_found(self, ring: Ring) -> None:
        deleted = await ring.create()
        await ring.post("deleteKey", {"keyId": deleted["keyId"]})
        other = await ring.api.admin()
        foreign = next(iter(await ring.listed(other)))
        created = (await ring.api.post("/v2/apis.createApi", {"name": "abc"}, ring.admin)).json["data"]
        ordinary = (await ring.api.post("/v2/keys.createKey", created, ring.admin)).json["data"]
        answers = [
            await ring.post("updateKey", {"keyId": key_id, "name": "x"})
            for key_id in ("key_absent", deleted["keyId"], foreign, ordinary["keyId"])
        ]
        assert {(answer.status, urn_of(answer)) for answer in answers} == {(404, "key_not_found")}
        assert {answer.json["error"]["detail"] for answer in answers} == {"The specified root key was not found."}
