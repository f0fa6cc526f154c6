"""rootKeys.rerollKey."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from connectrpc.code import Code
from protobuf.wkt.google.protobuf.field_mask_pb import FieldMask
from unkey_proto.unkey.rootkeys.v2 import rootkeys_pb as pb

from tests.rpc.rootkeys.making import HOUR, Ring, urn_of
from tests.rpc.rootkeys.test_list_keys import give_role
from tests.support.harness import raises_code

pytestmark = pytest.mark.integration


class TestSuccess:
    async def test_new_key_has_the_settings_and_all_effective_permissions_of_the_old(self, ring: Ring) -> None:
        old = await ring.create(name="ci", permissions=[ring.urn("usage#read")], expires=ring.api.now() + HOUR)
        await give_role(ring, old["keyId"], ring.urn("limits#read"))
        await ring.post("updateKey", {"keyId": old["keyId"], "enabled": False})
        answer = await ring.post("rerollKey", {"keyId": old["keyId"], "expiration": None})
        assert answer.status == 200, answer.json
        new = answer.json["data"]
        assert set(new) == {"keyId", "key"}
        assert new["key"] != old["key"]
        listed = await ring.listed()
        same = ("name", "enabled", "expires", "permissions", "end")
        assert [listed[new["keyId"]][f] for f in same] == [listed[old["keyId"]][f] for f in same]
        assert listed[new["keyId"]]["permissions"] == [ring.urn("limits#read"), ring.urn("usage#read")]

    async def test_zero_ends_the_old_key_at_once(self, ring: Ring) -> None:
        old = await ring.create()
        assert await ring.status_of(old["key"]) == 200
        new = (await ring.post("rerollKey", {"keyId": old["keyId"], "expiration": 0})).json["data"]
        assert await ring.status_of(old["key"]) == 403
        assert await ring.status_of(new["key"]) == 200

    async def test_grace_keeps_the_old_key_exactly_so_long(self, ring: Ring) -> None:
        old = await ring.create()
        await ring.post("rerollKey", {"keyId": old["keyId"], "expiration": 1_500})
        ring.api.clock.advance(1_500)
        assert await ring.status_of(old["key"]) == 200
        ring.api.clock.advance(1)
        assert await ring.status_of(old["key"]) == 403

    async def test_grace_never_extends_the_old_key(self, ring: Ring) -> None:
        end = ring.api.now() + HOUR
        old = await ring.create(expires=end)
        answer = await ring.post("rerollKey", {"keyId": old["keyId"], "expiration": 4_102_444_800_000})
        assert answer.status == 200
        assert (await ring.listed())[old["keyId"]]["expires"] == end

    async def test_null_leaves_the_old_key_alone(self, ring: Ring) -> None:
        old = await ring.create()
        await ring.post("rerollKey", {"keyId": old["keyId"], "expiration": None})
        assert (await ring.listed())[old["keyId"]]["expires"] is None
        assert await ring.status_of(old["key"]) == 200

    async def test_tuple_permissions_are_copied_for_a_caller_who_holds_them(self, ring: Ring) -> None:
        [old_id] = await ring.listed()
        new = (await ring.post("rerollKey", {"keyId": old_id, "expiration": None})).json["data"]
        created = await ring.api.post("/v2/apis.createApi", {"name": "abc"}, new["key"])
        assert created.status == 200

    async def test_audit_entry_names_both(self, ring: Ring) -> None:
        old = await ring.create()
        new = (await ring.post("rerollKey", {"keyId": old["keyId"], "expiration": 0})).json["data"]
        [entry] = await ring.audits("key.reroll", old["keyId"])
        assert [target["id"] for target in entry["targets"]] == [new["keyId"], old["keyId"]]

    async def test_generated_client(self, ring: Ring) -> None:
        old = await ring.create(name="x")
        client = ring.api.root_keys(ring.admin)
        request = pb.RerollKeyRequest(key_id=old["keyId"], null_fields=FieldMask(paths=["expiration"]))
        kept = await client.reroll_key(request)
        assert (await ring.listed())[kept.key_id]["name"] == "x"
        await client.reroll_key(pb.RerollKeyRequest(key_id=old["keyId"], expiration=0))
        assert await ring.status_of(old["key"]) == 403

    async def test_parallel_rerolls_that_leave_the_old_key_alone_make_a_key_each(self, ring: Ring) -> None:
        old = await ring.create(permissions=[ring.urn("usage#read")])
        body = {"keyId": old["keyId"], "expiration": None}
        answers = await asyncio.gather(*(ring.post("rerollKey", body) for _ in range(6)))
        secrets = {answer.json["data"]["key"] for answer in answers}
        assert [await ring.status_of(secret) for secret in secrets] == [200] * 6


class TestPrecondition:
    @pytest.mark.parametrize("expires_in", [None, HOUR])
    @pytest.mark.parametrize("expiration", [0, 60_000, 2 * HOUR])
    async def test_rerolls_at_once_leave_one_successor(
        self, ring: Ring, expiration: int, expires_in: int | None
    ) -> None:
        old = await ring.create(expires=expires_in and ring.api.now() + expires_in)
        body = {"keyId": old["keyId"], "expiration": expiration}
        answers = await asyncio.gather(*(ring.post("rerollKey", body) for _ in range(5)))
        assert sorted(answer.status for answer in answers) == [200, 412, 412, 412, 412]
        successor = next(answer.json["data"]["keyId"] for answer in answers if answer.status == 200)
        assert {urn_of(answer) for answer in answers if answer.status == 412} == {"precondition_failed"}
        assert all(successor in answer.json["error"]["detail"] for answer in answers if answer.status == 412)
        assert len(await ring.listed()) == 3

    @pytest.mark.parametrize("expiration", [None, 0, HOUR])
    async def test_expired_key_is_not_revived(self, ring: Ring, expiration: int | None) -> None:
        end = ring.api.now() + 1_000
        old = await ring.create(expires=end)
        ring.api.clock.advance(1_001)
        answer = await ring.post("rerollKey", {"keyId": old["keyId"], "expiration": expiration})
        assert (answer.status, urn_of(answer)) == (412, "precondition_failed")
        assert (await ring.listed())[old["keyId"]]["expires"] == end
        assert await ring.status_of(old["key"]) == 403


class TestInvalid:
    @pytest.mark.parametrize(
        "body",
        [
            {"keyId": "key_1"},
            {"expiration": 0},
            {"keyId": "key_1", "expiration": -1},
            {"keyId": "key_1", "expiration": 4_102_444_800_001},
            {"keyId": "key_1", "expiration": "0"},
            {"keyId": "key-1", "expiration": 0},
        ],
    )
    async def test_body_that_breaks_the_schema(self, ring: Ring, body: dict[str, Any]) -> None:
        answer = await ring.post("rerollKey", body)
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")


class TestUnauthenticated:
    async def test_unknown_root_key(self, ring: Ring) -> None:
        assert (await ring.post("rerollKey", {"keyId": "key_1", "expiration": 0}, "unkey_nope")).status == 401


class TestDenied:
    @pytest.mark.parametrize(
        ("held", "expiration"),
        [
            (("rootKeys/*#delete",), None),
            (("rootKeys/*#write",), 0),
            (("rootKeys/*#write",), 1_000),
            (("rootKeys/*#write", "rootKeys/key_other#delete"), 0),
        ],
    )
    async def test_write_is_needed_and_delete_to_end_the_old_key(
        self, ring: Ring, held: tuple[str, ...], expiration: int | None
    ) -> None:
        old = await ring.create()
        caller = await ring.caller(*held)
        answer = await ring.post("rerollKey", {"keyId": old["keyId"], "expiration": expiration}, caller)
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")
        assert await ring.status_of(old["key"]) == 200

    async def test_caller_must_hold_every_permission_of_the_old_key(self, ring: Ring) -> None:
        """Otherwise whoever may rotate keys could get at the secret of a stronger one."""
        old = await ring.create(permissions=[ring.urn("usage#read"), ring.urn("limits#read")])
        caller = await ring.caller("rootKeys/*#write", "usage#read")
        answer = await ring.post("rerollKey", {"keyId": old["keyId"], "expiration": None}, caller)
        assert answer.json["error"]["detail"] == f"Missing permission: '{ring.urn('limits#read')}'"
        assert len(await ring.listed()) == 3

    async def test_expiring_caller_makes_no_key_that_outlives_it(self, ring: Ring) -> None:
        end = ring.api.now() + HOUR
        caller = await ring.expiring("rootKeys/*#write", "rootKeys/*#delete", expires=end)
        for expires, status in ((None, 403), (end + 1, 403), (end, 200)):
            old = await ring.create(expires=expires)
            answer = await ring.post("rerollKey", {"keyId": old["keyId"], "expiration": 0}, caller)
            assert answer.status == status


class TestNotFound:
    async def test_absent_and_foreign_keys_are_not_found(self, ring: Ring) -> None:
        other = await ring.api.admin()
        foreign = next(iter(await ring.listed(other)))
        for key_id in ("key_absent", foreign):
            with raises_code(Code.NOT_FOUND, "err:unkey:data:key_not_found"):
                request = pb.RerollKeyRequest(key_id=key_id, expiration=0)
                await ring.api.root_keys(ring.admin).reroll_key(request)
        assert await ring.status_of(other.root_key) == 200
