"""rootKeys.updateKey."""

from __future__ import annotations

import asyncio
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

    async def test_parallel_replacements_leave_exactly_one_of_them(self, ring: Ring) -> None:
        made = await ring.create(permissions=[ring.urn("usage#read")])
        sets = [[ring.urn(f"keyspaces/ks_{n}#create_key"), ring.urn(f"keyspaces/ks_{n}#read")] for n in range(6)]
        answers = await asyncio.gather(
            *(ring.post("updateKey", {"keyId": made["keyId"], "permissions": wanted}) for wanted in sets)
        )
        assert {answer.status for answer in answers} == {200}
        assert (await ring.listed())[made["keyId"]]["permissions"] in sets


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
