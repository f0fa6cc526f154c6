"""A workspace that is deleted or switched off is so for everything, at once where it is known, soon everywhere else.

The clock of the service stands still: no window of a cache ends in these tests.
"""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.support.harness import Caller, Harness
from tests.support.waiting import eventually
from unkey_api.admin.workspaces import WorkspaceAdmin
from unkey_api.areas.portal.sessions import PortalSessions, session_cache
from unkey_api.audit.service import AuditLog
from unkey_api.core.ids import RandomIds
from unkey_api.core.keymaterial import hash_key
from unkey_api.infra.mysql import Statement
from unkey_api.infra.resilience.tasks import BackgroundJobs

VERIFY = "/v2/keys.verifyKey"


@pytest.fixture
async def caller(api: Harness) -> Caller:
    return await api.admin()


@pytest.fixture
def admin(api: Harness) -> WorkspaceAdmin:
    """What `unkey-api workspace` uses, in a process of its own as far as the service can tell."""
    return WorkspaceAdmin(api.database, audit=AuditLog(clock=api.clock, ids=RandomIds()), clock=api.clock)


async def make_key(api: Harness, caller: Caller) -> tuple[str, str]:
    """Return the id of a new API and a key of it."""
    api_id = (await api.post("/v2/apis.createApi", {"name": "abc"}, caller)).json["data"]["apiId"]
    made = await api.post("/v2/keys.createKey", {"apiId": api_id}, caller)
    return api_id, str(made.json["data"]["key"])


async def code(api: Harness, caller: Caller, key: str) -> Any:
    answer = await api.post(VERIFY, {"key": key}, caller)
    return answer.json["data"]["code"] if answer.status == 200 else answer.status


class TestDeletedWorkspace:
    async def test_its_root_keys_are_refused_although_cached(
        self, api: Harness, caller: Caller, admin: WorkspaceAdmin
    ) -> None:
        _, key = await make_key(api, caller)
        assert await code(api, caller, key) == "VALID"
        await admin.delete(caller.workspace_id, although_protected=True)

        async def refused() -> bool:
            return bool(await code(api, caller, key) == 404)

        await eventually(refused)
        answer = await api.post("/v2/apis.createApi", {"name": "after"}, caller)
        assert (answer.status, answer.json["error"]["type"].rpartition("/")[2]) == (404, "workspace_not_found")

    async def test_its_keys_are_not_found_whoever_asks(
        self, api: Harness, caller: Caller, admin: WorkspaceAdmin
    ) -> None:
        """A root key for the workspace cannot ask any more; a key is a root key too when it is shown as one."""
        _, key = await make_key(api, caller)
        await admin.delete(caller.workspace_id, although_protected=True)

        async def refused() -> bool:
            return bool((await api.post(VERIFY, {"key": "x"}, key)).status == 404)

        await eventually(refused)

    async def test_a_portal_session_of_it_is_none(self, api: Harness, caller: Caller, admin: WorkspaceAdmin) -> None:
        token = secrets.token_hex(8)
        columns = "id, workspace_id, portal_id, external_id, scopes, exchange_code_hash, exchange_code_expires_at, "
        values = "%(id)s, %(workspace)s, 'p', 'u', '{}', %(id)s, 0, %(hash)s, 0, 0, 0"
        insert = Statement(
            "portal_session_make",
            f"INSERT INTO portal_sessions ({columns}access_token_hash, access_token_created_at, "
            f"access_token_expires_at, created_at) VALUES ({values})",
        )
        params = {"id": f"ps_{token}", "workspace": caller.workspace_id, "hash": hash_key(token)}
        await api.database.primary.execute(insert, params)

        async def found() -> bool:
            cache = session_cache(clock=api.clock, refreshes=BackgroundJobs("test"))
            return await PortalSessions(cache, api.database).find(hash_key(token)) is not None

        assert await found()
        await admin.switch(caller.workspace_id, enabled=False)
        assert not await found()
        await admin.switch(caller.workspace_id, enabled=True)
        assert await found()
        await admin.delete(caller.workspace_id, although_protected=True)
        assert not await found()


class TestDisabledWorkspace:
    async def test_its_root_keys_are_refused_until_it_is_enabled_again(
        self, api: Harness, caller: Caller, admin: WorkspaceAdmin
    ) -> None:
        _, key = await make_key(api, caller)
        assert await code(api, caller, key) == "VALID"
        for enabled, expected in ((False, 403), (True, "VALID")):
            await admin.switch(caller.workspace_id, enabled=enabled)

            async def answered(wanted: Any = expected) -> bool:
                return bool(await code(api, caller, key) == wanted)

            await eventually(answered)


class TestLimitedWorkspace:
    async def test_new_limits_hold_although_the_old_ones_are_cached(
        self, api: Harness, caller: Caller, admin: WorkspaceAdmin
    ) -> None:
        assert await code(api, caller, "unknown") == "NOT_FOUND"
        await admin.set_limits(caller.workspace_id, {"requests-per-minute": 0})

        async def limited() -> bool:
            return bool(await code(api, caller, "unknown") == 429)

        await eventually(limited)


class TestDeletedApi:
    async def test_its_keys_are_refused_by_the_very_next_call(self, api: Harness, caller: Caller) -> None:
        api_id, key = await make_key(api, caller)
        _, other = await make_key(api, caller)
        assert await code(api, caller, key) == await code(api, caller, other) == "VALID"
        assert (await api.post("/v2/apis.deleteApi", {"apiId": api_id}, caller)).status == 200
        assert (await code(api, caller, key), await code(api, caller, other)) == ("NOT_FOUND", "VALID")


class TestChangedApi:
    async def test_a_new_address_list_holds_for_cached_keys(self, api: Harness, caller: Caller) -> None:
        api_id, key = await make_key(api, caller)
        assert await code(api, caller, key) == "VALID"
        change = {"apiId": api_id, "ipWhitelist": ["203.0.113.7"]}
        assert (await api.post("/v2/apis.updateApi", change, caller)).status == 200
        assert await code(api, caller, key) == "FORBIDDEN"
