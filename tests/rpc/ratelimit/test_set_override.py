"""ratelimit.setOverride."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.ratelimit.making import (
    DELETE,
    LIMIT,
    MANAGE,
    SET,
    body,
    make_namespace,
    named,
    stored_overrides,
    urn_of,
    wanted,
)
from tests.support.stage import Stage

pytestmark = pytest.mark.integration


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

    async def test_pattern_applies_to_everybody_it_covers(self, stage: Stage, key: str, namespace: str) -> None:
        made = (await stage.post(SET, wanted(namespace, identifier="*"), root_key=key)).json["data"]
        data = (await stage.post(LIMIT, body(namespace), root_key=key)).json["data"]
        assert (data["limit"], data["overrideId"]) == (10, made["overrideId"])


class TestNotFound:
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


class TestDenied:
    async def test_permission_is_needed_and_may_be_specific(self, stage: Stage, workspace: str, namespace: str) -> None:
        denied = await stage.post(SET, wanted(namespace), root_key=stage.root_key(workspace, "ratelimit.*.limit"))
        expected = f"Missing one of these permissions: ratelimit.{namespace}.set_override or ratelimit.*.set_override"
        assert (denied.status, denied.json["error"]["detail"]) == (403, expected)
        specific = stage.root_key(workspace, f"ratelimit.{namespace}.set_override")
        assert (await stage.post(SET, wanted(namespace), root_key=specific)).status == 200


class TestInvalid:
    async def test_one_wildcard_more_than_a_namespace_may_have(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        rows = ", ".join(
            f"('{namespace}_{number}', '{workspace}', '{namespace}', '{number}*', 1, 1000, 1)" for number in range(999)
        )
        columns = "id, workspace_id, namespace_id, identifier, `limit`, duration, created_at_m"
        await stage.sql(f"INSERT INTO ratelimit_overrides ({columns}) VALUES {rows}")
        answers = await asyncio.gather(
            *(stage.post(SET, wanted(namespace, identifier=f"new{number}*"), root_key=key) for number in range(4))
        )
        assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]
        refused = next(answer for answer in answers if answer.status == 400)
        assert "1,000 overrides with a wildcard" in refused.json["error"]["detail"]
        for identifier in ("0*", "plain"):  # one of those there are may be changed, others may be added
            assert (await stage.post(SET, wanted(namespace, identifier=identifier), root_key=key)).status == 200
        assert len(await stored_overrides(stage, namespace)) == 1_001

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


class TestUnauthenticated:
    async def test_missing_header_is_invalid_input(self, stage: Stage, namespace: str) -> None:
        answer = await stage.post(SET, wanted(namespace))
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")

    async def test_unknown_root_key_is_unauthorized(self, stage: Stage, namespace: str) -> None:
        assert (await stage.post(SET, wanted(namespace), root_key="nobody")).status == 401
