"""rootKeys.deleteKey."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from connectrpc.code import Code
from unkey_proto.unkey.rootkeys.v2 import rootkeys_pb as pb

from tests.rpc.rootkeys.making import Ring, urn_of
from tests.support.harness import raises_code

pytestmark = pytest.mark.integration


class TestSuccess:
    async def test_deleted_key_is_refused_at_once_and_not_listed(self, ring: Ring) -> None:
        made = await ring.create()
        assert await ring.status_of(made["key"]) == 200
        answer = await ring.post("deleteKey", {"keyId": made["keyId"]})
        assert (answer.status, answer.json["data"]) == (200, {})
        assert await ring.status_of(made["key"]) == 401
        assert made["keyId"] not in await ring.listed()

    async def test_a_key_may_delete_itself(self, ring: Ring) -> None:
        made = await ring.create(permissions=[ring.urn("rootKeys/*#delete")])
        assert (await ring.post("deleteKey", {"keyId": made["keyId"]}, made["key"])).status == 200
        assert await ring.status_of(made["key"]) == 401

    async def test_permission_on_this_key_alone_is_enough(self, ring: Ring) -> None:
        made = await ring.create()
        caller = await ring.caller(f"rootKeys/{made['keyId']}#delete")
        assert (await ring.post("deleteKey", {"keyId": made["keyId"]}, caller)).status == 200

    async def test_generated_client(self, ring: Ring) -> None:
        made = await ring.create()
        await ring.api.root_keys(ring.admin).delete_key(pb.DeleteKeyRequest(key_id=made["keyId"]))
        assert await ring.status_of(made["key"]) == 401

    async def test_audit_entry(self, ring: Ring) -> None:
        made = await ring.create(name="ci")
        await ring.post("deleteKey", {"keyId": made["keyId"]})
        [entry] = await ring.audits("key.delete", made["keyId"])
        assert entry["targets"] == [{"type": "key", "id": made["keyId"], "name": "ci"}]

    async def test_of_parallel_callers_one_deletes_it(self, ring: Ring) -> None:
        made = await ring.create()
        answers = await asyncio.gather(*(ring.post("deleteKey", {"keyId": made["keyId"]}) for _ in range(6)))
        assert sorted(answer.status for answer in answers) == [200, 404, 404, 404, 404, 404]
        assert len(await ring.audits("key.delete", made["keyId"])) == 1


class TestInvalid:
    @pytest.mark.parametrize(
        "body", [{}, {"keyId": "k"}, {"keyId": "key-1"}, {"keyId": None}, {"keyId": "key_1", "x": 1}]
    )
    async def test_body_that_breaks_the_schema(self, ring: Ring, body: dict[str, Any]) -> None:
        answer = await ring.post("deleteKey", body)
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")


class TestUnauthenticated:
    async def test_unknown_root_key(self, ring: Ring) -> None:
        assert (await ring.post("deleteKey", {"keyId": "key_1"}, "unkey_nope")).status == 401


class TestDenied:
    @pytest.mark.parametrize("held", ["rootKeys/*#write", "rootKeys/*#read", "rootKeys/key_other#delete"])
    async def test_delete_is_needed(self, ring: Ring, held: str) -> None:
        made = await ring.create()
        answer = await ring.post("deleteKey", {"keyId": made["keyId"]}, await ring.caller(held))
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")
        assert await ring.status_of(made["key"]) == 200


class TestNotFound:
    async def test_absent_foreign_and_deleted_keys_are_not_found(self, ring: Ring) -> None:
        other = await ring.api.admin()
        foreign = next(iter(await ring.listed(other)))
        deleted = await ring.create()
        await ring.post("deleteKey", {"keyId": deleted["keyId"]})
        for key_id in ("key_absent", foreign, deleted["keyId"]):
            with raises_code(Code.NOT_FOUND, "err:unkey:data:key_not_found"):
                await ring.api.root_keys(ring.admin).delete_key(pb.DeleteKeyRequest(key_id=key_id))
        assert await ring.status_of(other.root_key) == 200
