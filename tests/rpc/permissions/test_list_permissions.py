"""permissions.listPermissions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rpc.permissions.listing import Listing
from tests.rpc.permissions.making import (
    check_credentials,
    check_denial,
    check_unknown_field,
    make_permission,
    path,
)
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration
LIST = path("listPermissions")


class TestListed(Listing):
    method = "listPermissions"
    column = "slug"
    make = staticmethod(make_permission)

    async def test_list_takes_one_statement(self, stage: Stage, workspace: str, key: str) -> None:
        await make_permission(stage, workspace)
        await stage.post(LIST, {}, root_key=key)
        with stage.statements.recording() as seen:
            await stage.post(LIST, {}, root_key=key)
        assert names(seen) == ["permission_list"]


class TestDenied:
    async def test_denied_before_the_lookup_in_these_words(self, stage: Stage, workspace: str) -> None:
        detail = "Missing one of these permissions: rbac.*.read_permission"
        await check_denial(stage, workspace, LIST, {}, detail)


class TestInvalid:
    async def test_unknown_field_is_refused(self, stage: Stage, key: str) -> None:
        await check_unknown_field(stage, key, LIST, {})

    @pytest.mark.parametrize(
        "body",
        [
            {"limit": 0},
            {"limit": 101},
            {"search": "x" * 257},
            {"cursor": "x" * 1025},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(LIST, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        await check_credentials(stage, LIST, {})
