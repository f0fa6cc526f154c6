"""Workspaces and root keys as the operator's commands make them."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from tests.support.clock import FixedClock
from unkey_api.audit.service import AuditLog
from unkey_api.core.ids import RandomIds
from unkey_api.infra.mysql import Database
from unkey_api.operator.errors import RootKeyUnknown, WorkspaceTaken, WorkspaceUnknown
from unkey_api.operator.service import OperatorDesk

pytestmark = pytest.mark.integration


@pytest.fixture
def desk(database: Database) -> OperatorDesk:
    clock, ids = FixedClock(), RandomIds()
    audit = AuditLog(clock=clock, ids=ids)
    return OperatorDesk(database, audit=audit, clock=clock, ids=ids, random_bytes=secrets.token_bytes)


def unique(word: str) -> str:
    return f"{word}-{secrets.token_hex(4)}"


class TestWorkspace:
    async def test_created_workspace_is_listed(self, desk: OperatorDesk) -> None:
        slug = unique("acme")
        workspace_id = await desk.create_workspace("Acme", slug)
        listed = {w.id: w for w in await desk.list_workspaces()}
        assert (listed[workspace_id].name, listed[workspace_id].slug, listed[workspace_id].enabled) == (
            "Acme",
            slug,
            True,
        )

    async def test_taken_slug_is_refused_with_the_way_out(self, desk: OperatorDesk) -> None:
        slug = unique("acme")
        await desk.create_workspace("Acme", slug)
        with pytest.raises(WorkspaceTaken, match="choose another slug"):
            await desk.create_workspace("Acme 2", slug)


class TestRootKey:
    async def test_issued_key_is_listed_for_its_workspace_without_its_secret(self, desk: OperatorDesk) -> None:
        workspace_id = await desk.create_workspace("Acme", unique("acme"))
        issued = await desk.create_root_key(workspace_id, "ci", ["api.*.create_api", "api.*.create_api"])
        [line] = await desk.list_root_keys(workspace_id)
        assert (line.id, line.name, line.for_workspace_id) == (issued.id, "ci", workspace_id)
        assert issued.secret.reveal().startswith(line.start)
        assert issued.secret.reveal() != line.start

    async def test_unknown_workspace_is_refused(self, desk: OperatorDesk) -> None:
        with pytest.raises(WorkspaceUnknown, match="ws_nope"):
            await desk.create_root_key("ws_nope", "ci", [])

    async def test_keys_issued_at_once_share_permissions_and_keyspace(self, desk: OperatorDesk) -> None:
        workspace_id = await desk.create_workspace("Acme", unique("acme"))
        await desk.create_root_key(workspace_id, "first", ["a.*.b"])
        wanted = [f"p.*.{n}" for n in range(5)]
        await asyncio.gather(*(desk.create_root_key(workspace_id, f"k{n}", wanted) for n in range(8)))
        assert len(await desk.list_root_keys(workspace_id)) == 9

    async def test_revoked_key_is_gone_and_cannot_be_revoked_again(self, desk: OperatorDesk) -> None:
        workspace_id = await desk.create_workspace("Acme", unique("acme"))
        issued = await desk.create_root_key(workspace_id, "ci", [])
        await desk.revoke_root_key(issued.id)
        assert await desk.list_root_keys(workspace_id) == []
        with pytest.raises(RootKeyUnknown):
            await desk.revoke_root_key(issued.id)
