"""ratelimit.setOverride, getOverride, listOverrides and deleteOverride."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.ratelimit.making import body, make_namespace, make_override, urn_of
from tests.support.asgi import Answer
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration
SET, GET = "/v2/ratelimit.setOverride", "/v2/ratelimit.getOverride"
LIST, DELETE = "/v2/ratelimit.listOverrides", "/v2/ratelimit.deleteOverride"
LIMIT = "/v2/ratelimit.limit"
MANAGE = tuple(f"ratelimit.*.{action}" for action in ("set_override", "read_override", "delete_override", "limit"))


@pytest.fixture
def key(stage: Stage, workspace: str) -> str:
    return stage.root_key(workspace, *MANAGE)


@pytest.fixture
async def namespace(stage: Stage, workspace: str) -> str:
    """A namespace called as its id."""
    return await make_namespace(stage, workspace)


def wanted(namespace: str, **changes: Any) -> dict[str, Any]:
    return {"namespace": namespace, "identifier": "user_1", "limit": 10, "duration": 60_000} | changes


def named(namespace: str, identifier: str = "user_1") -> dict[str, str]:
    return {"namespace": namespace, "identifier": identifier}


async def stored_overrides(stage: Stage, namespace: str) -> list[tuple[Any, ...]]:
    return await stage.sql(
        "SELECT id, identifier, `limit`, duration, created_at_m, updated_at_m, deleted_at_m FROM ratelimit_overrides "
        f"WHERE namespace_id = '{namespace}' ORDER BY pk"
    )


class TestSet:
    async def test_override_is_stored_and_reported(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        answer = await stage.post(SET, wanted(namespace), root_key=key)
        assert answer.status == 200
        override_id = answer.json["data"]["overrideId"]
        now = stage.clock.now_ms()
        assert await stored_overrides(stage, namespace) == [(override_id, "user_1", 10, 60_000, now, None, None)]
        (entry,) = await stage.audits(workspace)
        assert entry["event"] == "ratelimit.set_override"
        assert entry["description"] == f"Set ratelimit override for {namespace} and user_1"
        assert entry["targets"] == [{"type": "ratelimitOverride", "id": override_id, "name": "user_1"}]

    async def test_namespace_may_be_given_by_name(self, stage: Stage, workspace: str, key: str) -> None:
        namespace_id = await make_namespace(stage, workspace, name="by name")
        assert (await stage.post(SET, wanted("by name"), root_key=key)).status == 200
        assert len(await stored_overrides(stage, namespace_id)) == 1

    async def test_setting_again_changes_the_same_override(self, stage: Stage, key: str, namespace: str) -> None:
        first = (await stage.post(SET, wanted(namespace), root_key=key)).json["data"]["overrideId"]
        created = stage.clock.now_ms()
        stage.clock.advance(5)
        changed = await stage.post(SET, wanted(namespace, limit=20, duration=120_000), root_key=key)
        assert changed.json["data"]["overrideId"] == first
        (row,) = await stored_overrides(stage, namespace)
        assert row == (first, "user_1", 20, 120_000, created, created + 5, None)

    async def test_setting_after_deleting_brings_the_override_back(
        self, stage: Stage, key: str, namespace: str
    ) -> None:
        first = (await stage.post(SET, wanted(namespace), root_key=key)).json["data"]["overrideId"]
        await stage.post(DELETE, named(namespace), root_key=key)
        again = await stage.post(SET, wanted(namespace, limit=3), root_key=key)
        assert again.json["data"]["overrideId"] == first
        data = (await stage.post(LIMIT, body(namespace), root_key=key)).json["data"]
        assert (data["limit"], data["overrideId"]) == (3, first)

    async def test_everyone_in_a_race_is_told_the_id_that_is_stored(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        requests = (stage.post(SET, wanted(namespace), root_key=key, node=n % 3) for n in range(9))
        told = {answer.json["data"]["overrideId"] for answer in await asyncio.gather(*requests)}
        assert told == {row[0] for row in await stored_overrides(stage, namespace)}
        assert {entry["targets"][0]["id"] for entry in await stage.audits(workspace)} == told
        assert len(told) == 1

    async def test_new_override_applies_to_the_next_request_here(self, stage: Stage, workspace: str, key: str) -> None:
        """The cached entries under name and id are both dropped."""
        namespace_id = await make_namespace(stage, workspace, name="by name")
        for which in ("by name", namespace_id):
            await stage.post(LIMIT, body(which), root_key=key)
        await stage.post(SET, wanted("by name", limit=7), root_key=key)
        for which in ("by name", namespace_id):
            data = (await stage.post(LIMIT, body(which), root_key=key)).json["data"]
            assert data["limit"] == 7

    async def test_limit_zero_blocks(self, stage: Stage, key: str, namespace: str) -> None:
        assert (await stage.post(SET, wanted(namespace, limit=0), root_key=key)).status == 200
        data = (await stage.post(LIMIT, body(namespace), root_key=key)).json["data"]
        assert (data["success"], data["limit"], data["remaining"]) == (False, 0, 0)

    async def test_very_long_duration_is_counted(self, stage: Stage, key: str, namespace: str) -> None:
        longest = 2**63 - 1
        await stage.post(SET, wanted(namespace, duration=longest), root_key=key)
        data = (await stage.post(LIMIT, body(namespace), root_key=key)).json["data"]
        assert (data["success"], data["reset"]) == (True, longest)

    async def test_failed_audit_entry_undoes_the_change(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        """No change without its entry: an actor nobody can write down makes the whole operation fail."""
        principal = stage.callers.known[key]
        object.__setattr__(principal, "subject_name", "\ud800")  # not encodable
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the encoder raises
            await stage.post(SET, wanted(namespace), root_key=key)
        assert await stored_overrides(stage, namespace) == []

    async def test_unknown_namespace_is_not_found_even_without_permission(self, stage: Stage, workspace: str) -> None:
        answer = await stage.post(SET, wanted("nope"), root_key=stage.root_key(workspace))
        assert (answer.status, urn_of(answer)) == (404, "ratelimit_namespace_not_found")
        assert answer.json["error"]["detail"] == "This namespace does not exist."

    async def test_namespace_of_another_workspace_is_not_found(self, stage: Stage, namespace: str) -> None:
        stranger = stage.root_key(stage.workspace(), *MANAGE)
        assert (await stage.post(SET, wanted(namespace), root_key=stranger)).status == 404
        assert await stored_overrides(stage, namespace) == []

    async def test_deleted_namespace_is_not_found(self, stage: Stage, workspace: str, key: str) -> None:
        dead = await make_namespace(stage, workspace, deleted_at_m=1)
        assert (await stage.post(SET, wanted(dead), root_key=key)).status == 404

    async def test_permission_is_needed_and_may_be_specific(self, stage: Stage, workspace: str, namespace: str) -> None:
        denied = await stage.post(SET, wanted(namespace), root_key=stage.root_key(workspace, "ratelimit.*.limit"))
        expected = f"Missing one of these permissions: ratelimit.{namespace}.set_override or ratelimit.*.set_override"
        assert (denied.status, denied.json["error"]["detail"]) == (403, expected)
        specific = stage.root_key(workspace, f"ratelimit.{namespace}.set_override")
        assert (await stage.post(SET, wanted(namespace), root_key=specific)).status == 200

    @pytest.mark.parametrize(
        "changes",
        [{"identifier": ""}, {"duration": 0}, {"duration": 999}, {"duration": -1}, {"limit": -1}, {"namespace": ""}],
    )
    async def test_body_that_breaks_the_schema_is_refused(
        self, stage: Stage, key: str, namespace: str, changes: dict[str, Any]
    ) -> None:
        assert (await stage.post(SET, wanted(namespace) | changes, root_key=key)).status == 400

    @pytest.mark.parametrize("missing", ["namespace", "identifier", "limit", "duration"])
    async def test_every_field_is_required(self, stage: Stage, key: str, namespace: str, missing: str) -> None:
        sent = wanted(namespace)
        del sent[missing]
        assert (await stage.post(SET, sent, root_key=key)).status == 400

    async def test_unknown_root_key_is_unauthorized(self, stage: Stage, namespace: str) -> None:
        assert (await stage.post(SET, wanted(namespace), root_key="nobody")).status == 401


class TestGet:
    async def test_override_is_shown(self, stage: Stage, workspace: str, key: str, namespace: str) -> None:
        override_id = await make_override(stage, workspace, namespace, "user_1")
        answer = await stage.post(GET, named(namespace), root_key=key)
        expected = {"overrideId": override_id, "identifier": "user_1", "limit": 200, "duration": 120_000}
        assert (answer.status, answer.json["data"]) == (200, expected)

    async def test_pattern_answers_for_what_it_covers(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        await make_override(stage, workspace, namespace, "user_*")
        for identifier in ("user_1", "user_*"):
            answer = await stage.post(GET, named(namespace, identifier), root_key=key)
            assert answer.json["data"]["identifier"] == "user_*"

    async def test_override_set_through_another_node_is_seen_at_once(
        self, stage: Stage, key: str, namespace: str
    ) -> None:
        assert (await stage.post(GET, named(namespace), root_key=key)).status == 404
        await stage.post(SET, wanted(namespace), root_key=key, node=1)
        assert (await stage.post(GET, named(namespace), root_key=key)).status == 200

    @pytest.mark.parametrize(
        "grant",
        [
            "ratelimit.{ns}.read_override",
            "unkey:v1:{ws}:ratelimits/namespaces/{ns}/overrides/{id}#read_override",
            "unkey:v1:{ws}:ratelimits/namespaces/{ns}/overrides/*#read_override",
            "unkey:v1:{ws}:ratelimits/namespaces/{ns}/**#read_override",
            "unkey:v1:{ws}:ratelimits/**#read_override",
            "unkey:v1:{ws}:ratelimits/namespaces/*/overrides/*#read_override",
            "unkey:v1:{ws}:**#*",
        ],
    )
    async def test_grant_that_covers_the_override_is_accepted(
        self, stage: Stage, workspace: str, namespace: str, grant: str
    ) -> None:
        override_id = await make_override(stage, workspace, namespace, "user_1")
        key = stage.root_key(workspace, grant.format(ws=workspace, ns=namespace, id=override_id))
        assert (await stage.post(GET, named(namespace), root_key=key)).status == 200

    @pytest.mark.parametrize(
        "grant",
        [
            "unkey:v1:{ws}:ratelimits/namespaces/rlns_sibling/overrides/{id}#read_override",
            "unkey:v1:{ws}:ratelimits/namespaces/{ns}/overrides/{id}#delete_override",
            "unkey:v1:ws_other:ratelimits/namespaces/{ns}/overrides/{id}#read_override",
            "ratelimit.rlns_sibling.read_override",
        ],
    )
    async def test_denial_looks_like_an_override_that_does_not_exist(
        self, stage: Stage, workspace: str, namespace: str, grant: str
    ) -> None:
        override_id = await make_override(stage, workspace, namespace, "user_1")
        key = stage.root_key(workspace, grant.format(ws=workspace, ns=namespace, id=override_id))
        existing = await stage.post(GET, named(namespace), root_key=key)
        missing = await stage.post(GET, named(namespace, "nobody"), root_key=key)
        assert (existing.status, urn_of(existing)) == (404, "ratelimit_override_not_found")
        assert existing.json["error"] == missing.json["error"]
        assert existing.json["error"]["detail"] == "This override does not exist."

    async def test_unknown_foreign_and_deleted_namespaces_are_not_found(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        dead = await make_namespace(stage, workspace, deleted_at_m=1)
        foreign = await make_namespace(stage, stage.workspace())
        for which in ("nope", dead, foreign):
            answer = await stage.post(GET, named(which), root_key=key)
            assert (answer.status, urn_of(answer)) == (404, "ratelimit_namespace_not_found")

    async def test_empty_identifier_is_refused(self, stage: Stage, key: str, namespace: str) -> None:
        assert (await stage.post(GET, named(namespace, ""), root_key=key)).status == 400


class TestList:
    async def test_pages_hold_each_override_once_in_order_of_id(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        made = {await make_override(stage, workspace, namespace, f"user_{n}") for n in range(5)}
        await make_override(stage, workspace, namespace, "deleted", deleted_at_m=1)
        pages, cursor = [], ""
        while True:
            answer = await stage.post(LIST, {"namespace": namespace, "limit": 2, "cursor": cursor}, root_key=key)
            pages.append(answer.json["data"])
            if not answer.json["pagination"]["hasMore"]:
                assert "cursor" not in answer.json["pagination"]
                break
            cursor = answer.json["pagination"]["cursor"]
        assert [len(page) for page in pages] == [2, 2, 1]
        assert {item["overrideId"] for page in pages for item in page} == made
        assert pages[1][0]["overrideId"] == await first_id_of(stage, namespace, offset=2)

    async def test_item_carries_every_field(self, stage: Stage, workspace: str, key: str, namespace: str) -> None:
        override_id = await make_override(stage, workspace, namespace, "user_*")
        answer = await stage.post(LIST, {"namespace": namespace}, root_key=key)
        expected = {"overrideId": override_id, "identifier": "user_*", "limit": 200, "duration": 120_000}
        assert answer.json["data"] == [expected]

    async def test_default_page_holds_fifty(self, stage: Stage, workspace: str, key: str, namespace: str) -> None:
        for n in range(51):
            await make_override(stage, workspace, namespace, f"user_{n}")
        answer = await stage.post(LIST, {"namespace": namespace}, root_key=key)
        assert (len(answer.json["data"]), answer.json["pagination"]["hasMore"]) == (50, True)

    async def test_nothing_to_list_is_an_empty_page(self, stage: Stage, key: str, namespace: str) -> None:
        answer = await stage.post(LIST, {"namespace": namespace}, root_key=key)
        assert (answer.json["data"], answer.json["pagination"]) == ([], {"hasMore": False})

    async def test_made_up_cursor_is_a_lower_bound(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        await make_override(stage, workspace, namespace, "user_1")
        answer = await stage.post(LIST, {"namespace": namespace, "cursor": "zzzz"}, root_key=key)
        assert (answer.status, answer.json["data"]) == (200, [])

    async def test_denial_is_not_hidden_but_another_workspace_is(
        self, stage: Stage, workspace: str, namespace: str
    ) -> None:
        denied = await stage.post(LIST, {"namespace": namespace}, root_key=stage.root_key(workspace))
        assert (denied.status, urn_of(denied)) == (403, "insufficient_permissions")
        stranger = stage.root_key(stage.workspace(), *MANAGE)
        hidden = await stage.post(LIST, {"namespace": namespace}, root_key=stranger)
        assert (hidden.status, urn_of(hidden)) == (404, "ratelimit_namespace_not_found")

    async def test_specific_permission_suffices(self, stage: Stage, workspace: str, namespace: str) -> None:
        key = stage.root_key(workspace, f"ratelimit.{namespace}.read_override")
        assert (await stage.post(LIST, {"namespace": namespace}, root_key=key)).status == 200

    @pytest.mark.parametrize("limit", [0, 101, -1])
    async def test_page_size_has_bounds(self, stage: Stage, key: str, namespace: str, limit: int) -> None:
        assert (await stage.post(LIST, {"namespace": namespace, "limit": limit}, root_key=key)).status == 400

    async def test_page_takes_two_statements_whatever_its_size(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        for n in range(10):
            await make_override(stage, workspace, namespace, f"user_{n}")
        await stage.post(LIST, {"namespace": namespace}, root_key=key)
        with stage.statements.recording() as seen:
            await stage.post(LIST, {"namespace": namespace, "limit": 10}, root_key=key)
        assert names(seen) == ["ratelimit_namespace_find_by_key", "ratelimit_override_list"]


class TestDelete:
    @pytest.mark.parametrize("by", ["name", "id"])
    async def test_row_stays_and_is_marked(self, stage: Stage, workspace: str, key: str, by: str) -> None:
        namespace_id = await make_namespace(stage, workspace, name="by name")
        override_id = await make_override(stage, workspace, namespace_id, "user_1")
        answer = await stage.post(DELETE, named("by name" if by == "name" else namespace_id), root_key=key)
        assert (answer.status, answer.json["data"]) == (200, {})
        (row,) = await stored_overrides(stage, namespace_id)
        assert (row[0], row[5], row[6]) == (override_id, None, stage.clock.now_ms())
        (entry,) = await stage.audits(workspace)
        assert (entry["event"], entry["description"]) == (
            "ratelimit.delete_override",
            f"Deleted override {override_id}.",
        )
        assert entry["targets"] == [
            {"type": "ratelimitOverride", "id": override_id, "name": "user_1"},
            {"type": "ratelimitNamespace", "id": namespace_id, "name": "by name"},
        ]

    async def test_override_stops_applying_here_at_once(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        await make_override(stage, workspace, namespace, "user_1")
        assert (await limited(stage, key, namespace))["limit"] == 200
        await stage.post(DELETE, named(namespace), root_key=key)
        assert (await limited(stage, key, namespace))["limit"] == 100

    async def test_second_delete_is_not_found_on_every_node(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        await make_override(stage, workspace, namespace, "user_1")
        await stage.post(LIMIT, body(namespace), root_key=key, node=1)
        answers: list[Answer] = [await stage.post(DELETE, named(namespace), root_key=key, node=n) for n in (0, 1)]
        assert [answer.status for answer in answers] == [200, 404]
        assert len(await stage.audits(workspace)) == 1

    async def test_pattern_is_not_expanded(self, stage: Stage, workspace: str, key: str, namespace: str) -> None:
        await make_override(stage, workspace, namespace, "user_*")
        answer = await stage.post(DELETE, named(namespace), root_key=key)
        assert (answer.status, urn_of(answer)) == (404, "ratelimit_override_not_found")
        assert (await stage.post(DELETE, named(namespace, "user_*"), root_key=key)).status == 200

    async def test_identifier_must_be_the_same_to_the_byte(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        """The column takes texts that differ by a control character for the same."""
        await make_override(stage, workspace, namespace, "user")
        assert (await stage.post(DELETE, named(namespace, "user\x01"), root_key=key)).status == 404

    async def test_denied_without_permission(self, stage: Stage, workspace: str, namespace: str) -> None:
        await make_override(stage, workspace, namespace, "user_1")
        answer = await stage.post(DELETE, named(namespace), root_key=stage.root_key(workspace))
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")

    async def test_other_workspace_changes_nothing(self, stage: Stage, workspace: str, namespace: str) -> None:
        await make_override(stage, workspace, namespace, "user_1")
        stranger = stage.root_key(stage.workspace(), *MANAGE)
        assert (await stage.post(DELETE, named(namespace), root_key=stranger)).status == 404
        assert (await stored_overrides(stage, namespace))[0][6] is None

    async def test_deleted_namespace_is_not_found(self, stage: Stage, workspace: str, key: str) -> None:
        dead = await make_namespace(stage, workspace, deleted_at_m=1)
        assert (await stage.post(DELETE, named(dead), root_key=key)).status == 404

    async def test_empty_identifier_is_refused(self, stage: Stage, key: str, namespace: str) -> None:
        assert (await stage.post(DELETE, named(namespace, ""), root_key=key)).status == 400


async def limited(stage: Stage, key: str, namespace: str) -> Any:
    return (await stage.post(LIMIT, body(namespace), root_key=key)).json["data"]


async def first_id_of(stage: Stage, namespace: str, *, offset: int) -> str:
    found = await stage.sql(
        f"SELECT id FROM ratelimit_overrides WHERE namespace_id = '{namespace}' AND deleted_at_m IS NULL "
        f"ORDER BY id LIMIT 1 OFFSET {offset}"
    )
    return str(found[0][0])
