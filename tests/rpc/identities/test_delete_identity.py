"""identities.deleteIdentity."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.identities.making import (
    CREATE,
    DELETE,
    GET,
    NOT_FOUND,
    a_limit,
    limits_of,
    make_identity,
    make_limit,
    urn_of,
)
from tests.support.stage import Stage

pytestmark = pytest.mark.integration


class TestDeleted:
    async def test_row_is_marked_and_limits_stay(self, stage: Stage, workspace: str, key: str) -> None:
        identity_id = await make_identity(stage, workspace, external_id="user_x")
        limits = [await make_limit(stage, workspace, identity_id, f"limit_{n}") for n in range(3)]
        answer = await stage.post(DELETE, {"identity": "user_x"}, root_key=key)
        assert answer.status == 200
        assert set(answer.json) == {"meta"}
        assert await stage.sql(f"SELECT deleted, updated_at FROM identities WHERE id = '{identity_id}'") == [(1, None)]
        assert len(await limits_of(stage, identity_id)) == 3
        entries = await stage.audits(workspace)
        assert [(entry["event"], entry["description"]) for entry in entries] == [
            ("identity.delete", f"Deleted identity {identity_id}."),
            *(("ratelimit.delete", f"Deleted ratelimit {limit}.") for limit in limits),
        ]
        assert len({entry["correlation_id"] for entry in entries}) == 1
        assert (await stage.post(GET, {"identity": identity_id}, root_key=key)).status == 404

    async def test_of_deleted_ones_only_the_newest_row_stays(self, stage: Stage, workspace: str, key: str) -> None:
        ids = []
        for _ in range(3):
            body = {"externalId": "user_x", "ratelimits": [a_limit("per_month")]}
            ids.append((await stage.post(CREATE, body, root_key=key)).json["data"]["identityId"])
            assert (await stage.post(DELETE, {"identity": ids[-1]}, root_key=key)).status == 200
        rows = await stage.sql(f"SELECT id, deleted FROM identities WHERE workspace_id = '{workspace}'")
        assert rows == [(ids[-1], 1)]
        assert await limits_of(stage, ids[0]) == {}
        assert len(await limits_of(stage, ids[-1])) == 1

    async def test_other_external_ids_and_workspaces_keep_their_rows(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        others = [
            await make_identity(stage, workspace, external_id="user_y", deleted=1),
            await make_identity(stage, stage.workspace(), external_id="user_x", deleted=1),
        ]
        await make_identity(stage, workspace, external_id="user_x", deleted=1)
        await make_identity(stage, workspace, external_id="user_x")
        await stage.post(DELETE, {"identity": "user_x"}, root_key=key)
        for other in others:
            assert len(await stage.sql(f"SELECT id FROM identities WHERE id = '{other}'")) == 1

    async def test_concurrent_deletes_leave_one_set_of_entries(self, stage: Stage, workspace: str, key: str) -> None:
        await make_identity(stage, workspace, external_id="user_x")
        answers = await asyncio.gather(*(stage.post(DELETE, {"identity": "user_x"}, root_key=key) for _ in range(5)))
        assert {answer.status for answer in answers} <= {200, 404}
        assert len(await stage.audits(workspace)) == 1

    async def test_grant_over_all_projects_suffices(self, stage: Stage, workspace: str) -> None:
        identity_id = await make_identity(stage, workspace)
        key = stage.root_key(workspace, f"unkey:v1:{workspace}:projects/*/identities/*#delete_identity")
        assert (await stage.post(DELETE, {"identity": identity_id}, root_key=key)).status == 200


class TestNotFound:
    async def test_absent_deleted_foreign_and_impossible_look_the_same(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        deleted = await make_identity(stage, workspace)
        await stage.post(DELETE, {"identity": deleted}, root_key=key)
        foreign = await make_identity(stage, stage.workspace())
        for which in ("nobody", deleted, foreign, "@#$%", "x" * 5000):
            answer = await stage.post(DELETE, {"identity": which}, root_key=key)
            assert (answer.status, urn_of(answer)) == (404, "identity_not_found")
            assert answer.json["error"]["detail"] == NOT_FOUND
        assert await stage.sql(f"SELECT deleted FROM identities WHERE id = '{foreign}'") == [(0,)]


class TestDenied:
    @pytest.mark.parametrize(
        "grants",
        [
            (),
            ("identity.*.create_identity",),
            ("identity.*.read_identity",),
            ("key.*.delete_key",),
            ("identity.create_identity",),
            ("IDENTITY.*.DELETE_IDENTITY",),
            ("api.*.read_api", "identity.*.update_identity", "*"),
        ],
    )
    async def test_denied_before_the_lookup(self, stage: Stage, workspace: str, grants: tuple[str, ...]) -> None:
        answer = await stage.post(DELETE, {"identity": "nobody"}, root_key=stage.root_key(workspace, *grants))
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")


class TestInvalid:
    @pytest.mark.parametrize("body", [{}, {"identity": ""}, {"identity": "x", "extra": 1}, {"identity": None}])
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(DELETE, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        assert (await stage.post(DELETE, {"identity": "x"})).status == 400
        assert (await stage.post(DELETE, {"identity": "x"}, root_key="nobody")).status == 401
