"""Who changes root keys is judged as the store has it now, not as this process remembers it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.rpc.rootkeys.making import HOUR, Ring, urn_of
from tests.support.harness import Caller
from tests.support.waiting import eventually
from unkey_api.infra.mysql.driver import connect

pytestmark = pytest.mark.integration
EVERYTHING = ("rootKeys/*#write", "rootKeys/*#delete", "rootKeys/*#read", "usage#read")

CHANGES: dict[str, Callable[[str], dict[str, Any]]] = {
    "createKey": lambda _: {"permissions": []},
    "updateKey": lambda key_id: {"keyId": key_id, "name": "new"},
    "rerollKey": lambda key_id: {"keyId": key_id, "expiration": 0},
    "deleteKey": lambda key_id: {"keyId": key_id},
}

REVOCATIONS = {
    "deleted": ("UPDATE `keys` SET deleted_at_m = 1 WHERE id = '{key}'", 401),
    "disabled": ("UPDATE `keys` SET enabled = false WHERE id = '{key}'", 403),
    "expired": ("UPDATE `keys` SET expires = '2020-01-01' WHERE id = '{key}'", 403),
    "removed": ("DELETE FROM `keys` WHERE id = '{key}'", 401),
    "disabled workspace": ("UPDATE workspaces SET enabled = false WHERE id = '{ws}'", 403),
    "removed workspace": ("DELETE FROM workspaces WHERE id = '{ws}'", 404),
    "narrowed": ("DELETE FROM keys_permissions WHERE key_id = '{key}'", 403),
}


async def warm(ring: Ring, *paths: str) -> tuple[str, Caller]:
    """A root key this process has cached, with its id."""
    made = await ring.create(permissions=[ring.urn(path) for path in paths])
    assert await ring.status_of(made["key"]) == 200
    return made["keyId"], Caller(ring.workspace_id, made["key"])


async def rows(ring: Ring) -> list[tuple[Any, ...]]:
    return await ring.sql(
        "SELECT id, name, enabled, expires, deleted_at_m FROM `keys` "
        f"WHERE for_workspace_id = '{ring.workspace_id}' ORDER BY id"
    )


@pytest.mark.parametrize("method", CHANGES)
@pytest.mark.parametrize("revocation", REVOCATIONS)
async def test_what_another_process_took_away_counts_at_once(ring: Ring, method: str, revocation: str) -> None:
    target = (await ring.create())["keyId"]
    key_id, caller = await warm(ring, *EVERYTHING)
    sql, status = REVOCATIONS[revocation]
    await ring.sql(sql.format(key=key_id, ws=ring.workspace_id))
    before = await rows(ring)
    answer = await ring.post(method, CHANGES[method](target), caller)
    assert answer.status == status, answer.json
    assert await rows(ring) == before


@pytest.mark.parametrize("revocation", REVOCATIONS)
async def test_who_was_revoked_does_not_learn_which_keys_there_are(ring: Ring, revocation: str) -> None:
    """A permission that was taken leaves keys out, everything else refuses the caller."""
    key_id, caller = await warm(ring, *EVERYTHING)
    assert (await ring.post("listKeys", {}, caller)).json["data"] != []
    sql, status = REVOCATIONS[revocation]
    await ring.sql(sql.format(key=key_id, ws=ring.workspace_id))
    answer = await ring.post("listKeys", {}, caller)
    if revocation == "narrowed":
        assert (answer.status, answer.json["data"]) == (200, [])
    else:
        assert answer.status == status, answer.json


async def test_what_another_process_gave_counts_at_once(ring: Ring) -> None:
    key_id, caller = await warm(ring, "rootKeys/*#read")
    await ring.post("updateKey", {"keyId": key_id, "permissions": [ring.urn("rootKeys/*#write")]})
    await ring.create(caller)


async def test_permission_that_was_taken_cannot_be_passed_on(ring: Ring) -> None:
    key_id, caller = await warm(ring, *EVERYTHING)
    await ring.sql(
        "DELETE kp FROM keys_permissions kp JOIN permissions p ON p.id = kp.permission_id "
        f"WHERE kp.key_id = '{key_id}' AND p.slug = '{ring.urn('usage#read')}'"
    )
    answer = await ring.post("createKey", {"permissions": [ring.urn("usage#read")]}, caller)
    assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")
    await ring.create(caller)


async def test_expiry_that_was_moved_bounds_what_is_made(ring: Ring) -> None:
    key_id, caller = await warm(ring, *EVERYTHING)
    await ring.sql(f"UPDATE `keys` SET expires = FROM_UNIXTIME({(ring.api.now() + HOUR) / 1000}) WHERE id = '{key_id}'")
    answer = await ring.post("createKey", {"permissions": [], "expires": ring.api.now() + 2 * HOUR}, caller)
    assert (answer.status, urn_of(answer)) == (403, "forbidden")


async def test_revocation_that_is_being_committed_is_waited_for(ring: Ring) -> None:
    """The change waits for the lock of the caller's row and then sees what the other transaction did."""
    key_id, caller = await warm(ring, *EVERYTHING)
    other = await connect(ring.dsn, statement_timeout=timedelta(seconds=30))
    try:
        await other.run("BEGIN")
        await other.run(f"UPDATE `keys` SET deleted_at_m = 1 WHERE id = '{key_id}'")
        asked = asyncio.create_task(ring.post("createKey", {"permissions": []}, caller))

        async def waits() -> bool:
            assert not asked.done()
            return bool(await ring.sql("SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"))

        # The server shows a copy, which it renews only when nobody has looked at it for a tenth of a second.
        await eventually(waits, within_seconds=30, every_seconds=0.2)
        await other.run("COMMIT")
        assert (await asked).status == 401
    finally:
        await other.quit(wait=True)


async def test_keys_that_change_each_other_at_once_do_not_block_each_other(ring: Ring) -> None:
    (first_id, first), (second_id, second) = await warm(ring, *EVERYTHING), await warm(ring, *EVERYTHING)
    asked = [
        ring.post("updateKey", {"keyId": target, "name": f"n{n}"}, caller)
        for n in range(10)
        for caller, target in ((first, second_id), (second, first_id), (first, first_id))
    ]
    assert {answer.status for answer in await asyncio.gather(*asked)} == {200}


async def test_of_keys_that_delete_each_other_one_survives(ring: Ring) -> None:
    for _ in range(5):
        (first_id, first), (second_id, second) = await warm(ring, *EVERYTHING), await warm(ring, *EVERYTHING)
        answers = await asyncio.gather(
            ring.post("deleteKey", {"keyId": second_id}, first), ring.post("deleteKey", {"keyId": first_id}, second)
        )
        assert sorted(answer.status for answer in answers) == [200, 401]
        assert len({first_id, second_id} & set(await ring.listed())) == 1


async def test_mints_and_a_revocation_at_once_leave_no_key_from_afterwards(ring: Ring) -> None:
    """Entries are written under the locks: none of a mint follows that of the revocation."""
    key_id, caller = await warm(ring, *EVERYTHING)
    *minted, deleted = await asyncio.gather(
        *(ring.post("createKey", {"permissions": []}, caller) for _ in range(5)),
        ring.post("deleteKey", {"keyId": key_id}),
    )
    assert deleted.status == 200
    assert {answer.status for answer in minted} <= {200, 401}
    entries = await ring.sql(
        "SELECT JSON_UNQUOTE(JSON_EXTRACT(payload, '$.event')) FROM clickhouse_outbox "
        f"WHERE workspace_id = '{ring.workspace_id}' ORDER BY pk"
    )
    assert entries[-1] == ("key.delete",)
