"""ratelimit.deleteOverride."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rpc.ratelimit.making import (
    DELETE,
    LIMIT,
    MANAGE,
    body,
    make_namespace,
    make_override,
    named,
    stored_overrides,
    urn_of,
)
from tests.support.asgi import Answer
from tests.support.stage import Stage

pytestmark = pytest.mark.integration


class TestDeleted:
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


class TestNotFound:
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

    async def test_other_workspace_changes_nothing(self, stage: Stage, workspace: str, namespace: str) -> None:
        await make_override(stage, workspace, namespace, "user_1")
        stranger = stage.root_key(stage.workspace(), *MANAGE)
        assert (await stage.post(DELETE, named(namespace), root_key=stranger)).status == 404
        assert (await stored_overrides(stage, namespace))[0][6] is None

    async def test_deleted_namespace_is_not_found(self, stage: Stage, workspace: str, key: str) -> None:
        dead = await make_namespace(stage, workspace, deleted_at_m=1)
        assert (await stage.post(DELETE, named(dead), root_key=key)).status == 404


class TestDenied:
    async def test_denied_without_permission(self, stage: Stage, workspace: str, namespace: str) -> None:
        await make_override(stage, workspace, namespace, "user_1")
        answer = await stage.post(DELETE, named(namespace), root_key=stage.root_key(workspace))
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")


class TestInvalid:
    async def test_empty_identifier_is_refused(self, stage: Stage, key: str, namespace: str) -> None:
        assert (await stage.post(DELETE, named(namespace, ""), root_key=key)).status == 400

    @pytest.mark.parametrize("missing", ["namespace", "identifier"])
    async def test_every_field_is_required(self, stage: Stage, key: str, namespace: str, missing: str) -> None:
        sent = named(namespace)
        del sent[missing]
        assert (await stage.post(DELETE, sent, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage, namespace: str) -> None:
        assert (await stage.post(DELETE, named(namespace))).status == 400
        assert (await stage.post(DELETE, named(namespace), root_key="nobody")).status == 401


async def limited(stage: Stage, key: str, namespace: str) -> Any:
    return (await stage.post(LIMIT, body(namespace), root_key=key)).json["data"]
