"""rootKeys.listKeys."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from connectrpc.code import Code
from unkey_proto.unkey.rootkeys.v2 import rootkeys_pb as pb

from tests.rpc.rootkeys.making import HOUR, Ring, urn_of
from tests.support.harness import raises_code
from tests.support.stage import names

pytestmark = pytest.mark.integration


async def pages(ring: Ring, limit: int, caller: Any = None) -> list[list[str]]:
    """Follow the cursor to the end."""
    found: list[list[str]] = []
    body: dict[str, Any] = {"limit": limit}
    while True:
        answer = (await ring.post("listKeys", body, caller)).json
        found.append([item["keyId"] for item in answer["data"]])
        assert answer["pagination"]["hasMore"] is ("cursor" in answer["pagination"])
        if not answer["pagination"]["hasMore"]:
            return found
        body["cursor"] = answer["pagination"]["cursor"]


class TestSuccess:
    async def test_pages_hold_every_key_once_in_order_of_the_id(self, ring: Ring) -> None:
        made = await asyncio.gather(*(ring.create(name=f"k{n}") for n in range(7)))
        found = await pages(ring, 3)
        assert [len(page) for page in found] == [3, 3, 2]
        ids = [key_id for page in found for key_id in page]
        assert {key["keyId"] for key in made} < set(ids)
        assert ids == [
            row[0]
            for row in await ring.sql(
                f"SELECT id FROM `keys` WHERE for_workspace_id = '{ring.workspace_id}' ORDER BY id"
            )
        ]

    async def test_last_full_page_has_no_cursor(self, ring: Ring) -> None:
        await ring.create()
        assert [len(page) for page in await pages(ring, 2)] == [2]

    async def test_paging_goes_on_when_the_next_key_was_deleted(self, ring: Ring) -> None:
        made = {(await ring.create())["keyId"] for _ in range(4)}
        ids = list(await ring.listed())
        limit = next(n for n in (2, 3) if ids[n] in made)  # the one that is deleted must not be the caller's own
        first = (await ring.post("listKeys", {"limit": limit})).json
        cursor = first["pagination"]["cursor"]
        assert cursor == ids[limit]
        await ring.sql(f"UPDATE `keys` SET deleted_at_m = 1 WHERE id = '{cursor}'")
        rest = (await ring.post("listKeys", {"limit": 10, "cursor": cursor})).json
        assert [item["keyId"] for item in first["data"] + rest["data"]] == [id_ for id_ in ids if id_ != cursor]

    async def test_disabled_and_expired_keys_show_and_deleted_ones_do_not(self, ring: Ring) -> None:
        disabled, expiring, deleted = [await ring.create(expires=ring.api.now() + HOUR) for _ in range(3)]
        await ring.post("updateKey", {"keyId": disabled["keyId"], "enabled": False})
        await ring.post("rerollKey", {"keyId": expiring["keyId"], "expiration": 0})
        await ring.post("deleteKey", {"keyId": deleted["keyId"]})
        listed = await ring.listed()
        assert listed[disabled["keyId"]]["enabled"] is False
        assert listed[expiring["keyId"]]["expires"] < ring.api.now()
        assert deleted["keyId"] not in listed

    async def test_only_readable_keys_show_and_count(self, ring: Ring) -> None:
        made = [(await ring.create())["keyId"] for _ in range(6)]
        readable = sorted(made[::2])
        caller = await ring.caller(*(f"rootKeys/{key_id}#read" for key_id in readable))
        found = await pages(ring, 2, caller)
        assert [len(page) for page in found] == [2, 1]
        assert sorted(key_id for page in found for key_id in page) == readable

    async def test_readable_keys_far_apart_show_once_each(self, ring: Ring) -> None:
        """They are looked for a thousand at a time."""
        ids = [f"aaa_{ring.workspace_id}_{number:04}" for number in range(2_001)]
        columns = "id, hash, start, key_auth_id, workspace_id, for_workspace_id"
        rows = ", ".join(f"('{key}', '{key}', 'unkey', 'ks_far', 'ws_far', '{ring.workspace_id}')" for key in ids)
        await ring.sql(f"INSERT INTO `keys` ({columns}) VALUES {rows}")
        readable = [ids[number] for number in (0, 998, 999, 1_000, 1_998, 1_999, 2_000)]
        caller = await ring.caller(*(f"rootKeys/{key_id}#read" for key_id in readable))
        for limit in (3, 100):
            found = await pages(ring, limit, caller)
            assert [key_id for page in found for key_id in page] == readable

    async def test_caller_who_may_read_none_gets_an_empty_page(self, ring: Ring) -> None:
        answer = await ring.post("listKeys", {}, await ring.caller("rootKeys/*#write"))
        assert (answer.status, answer.json["data"], answer.json["pagination"]) == (200, [], {"hasMore": False})

    async def test_permissions_through_roles_show_too(self, ring: Ring) -> None:
        key_id = (await ring.create(permissions=[ring.urn("usage#read")]))["keyId"]
        await give_role(ring, key_id, ring.urn("limits#read"))
        assert (await ring.listed())[key_id]["permissions"] == [ring.urn("limits#read"), ring.urn("usage#read")]

    async def test_other_workspaces_do_not_show(self, ring: Ring) -> None:
        other = await ring.api.admin()
        assert not set(await ring.listed()) & set(await ring.listed(other))
        cursor = (await ring.post("listKeys", {"limit": 1, "cursor": "key_"}, other)).json
        assert len(cursor["data"]) == 1

    async def test_secrets_and_hashes_never_show(self, ring: Ring) -> None:
        made = await ring.create()
        body = (await ring.post("listKeys", {})).body.decode()
        (stored,) = (await ring.sql(f"SELECT hash FROM `keys` WHERE id = '{made['keyId']}'"))[0]
        assert made["key"] not in body
        assert stored not in body

    async def test_a_page_costs_three_statements_whatever_its_size(self, ring: Ring) -> None:
        """And two before them, for the caller as it is now."""
        for _ in range(5):
            await ring.create(permissions=[ring.urn("usage#read"), ring.urn("limits#read")])
        await ring.listed()
        with ring.api.statements.recording() as seen:
            await ring.listed()
        page = ["root_key_list_ids", "root_key_list_by_ids", "root_key_permission_list"]
        assert names(seen) == ["caller_key_lock", "verifiable_key_find_by_hash", *page]

    async def test_generated_client(self, ring: Ring) -> None:
        made = await ring.create(permissions=[ring.urn("usage#read")])
        page = await ring.api.root_keys(ring.admin).list_keys(pb.ListKeysRequest())
        [key] = [key for key in page.keys if key.key_id == made["keyId"]]
        assert list(key.permissions) == [ring.urn("usage#read")]
        assert not key.has_field("name")
        assert not key.has_field("expires")


class TestInvalid:
    @pytest.mark.parametrize("body", [{"limit": 0}, {"limit": 101}, {"cursor": "x" * 257}, {"cursor": 1}, {"x": 1}])
    async def test_body_that_breaks_the_schema(self, ring: Ring, body: dict[str, Any]) -> None:
        answer = await ring.post("listKeys", body)
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")


class TestUnauthenticated:
    async def test_unknown_root_key(self, ring: Ring) -> None:
        with raises_code(Code.UNAUTHENTICATED, "err:unkey:authentication:key_not_found"):
            stranger = type(ring.admin)(ring.workspace_id, "unkey_nope")
            await ring.api.root_keys(stranger).list_keys(pb.ListKeysRequest())


async def give_role(ring: Ring, key_id: str, permission: str) -> None:
    """Give a root key a role with one permission, as a dashboard does."""
    [(owner,)] = await ring.sql(f"SELECT workspace_id FROM `keys` WHERE id = '{key_id}'")
    role_id, permission_id = f"role_{key_id}", f"perm_{key_id}"
    await ring.sql(
        "INSERT INTO roles (id, workspace_id, project_id, name, created_at_m) "
        f"VALUES ('{role_id}', '{owner}', 'proj_x', '{role_id}', 1)"
    )
    await ring.sql(
        "INSERT INTO permissions (id, workspace_id, project_id, name, slug, created_at_m) "
        f"VALUES ('{permission_id}', '{owner}', 'proj_x', '{permission}', '{permission}', 1)"
    )
    await ring.sql(
        "INSERT INTO roles_permissions (role_id, permission_id, workspace_id, created_at_m) "
        f"VALUES ('{role_id}', '{permission_id}', '{owner}', 1)"
    )
    await ring.sql(
        "INSERT INTO keys_roles (key_id, role_id, workspace_id, created_at_m) "
        f"VALUES ('{key_id}', '{role_id}', '{owner}', 1)"
    )
