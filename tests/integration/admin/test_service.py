"""Workspaces and root keys as the operator's commands make them."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from tests.support.clock import FixedClock
from tests.support.mysql import run_sql
from unkey_api.admin.service import AdminService
from unkey_api.admin.types import RootKeyUnknown, WorkspaceHoldsRootKeys, WorkspaceTaken, WorkspaceUnknown
from unkey_api.areas.parts import with_fresh_ids
from unkey_api.areas.rootkeys.keyspace import ROOT_KEYSPACE, ROOT_WORKSPACE, ensure_root_keyspace
from unkey_api.audit.service import AuditLog
from unkey_api.core.ids import RandomIds
from unkey_api.infra.mysql import Database, Dsn

pytestmark = pytest.mark.integration


@pytest.fixture
def admin(database: Database) -> AdminService:
    clock, ids = FixedClock(), RandomIds()
    audit = AuditLog(clock=clock, ids=ids)
    return AdminService(database, audit=audit, clock=clock, ids=ids, random_bytes=secrets.token_bytes)


def unique(word: str) -> str:
    return f"{word}-{secrets.token_hex(4)}"


class TestWorkspace:
    async def test_created_workspace_is_listed(self, admin: AdminService) -> None:
        slug = unique("acme")
        workspace_id = await admin.create_workspace("Acme", slug)
        listed = {w.id: w for w in await admin.list_workspaces()}
        assert (listed[workspace_id].name, listed[workspace_id].slug, listed[workspace_id].enabled) == (
            "Acme",
            slug,
            True,
        )

    async def test_taken_slug_is_refused_with_the_way_out(self, admin: AdminService) -> None:
        slug = unique("acme")
        await admin.create_workspace("Acme", slug)
        with pytest.raises(WorkspaceTaken, match="choose another slug"):
            await admin.create_workspace("Acme 2", slug)

    @pytest.mark.parametrize("slug", ["operator", "Operator", "ws_root_keys", "root-keys"])
    async def test_slug_of_the_operator_is_reserved(self, admin: AdminService, slug: str) -> None:
        with pytest.raises(WorkspaceTaken, match="reserved"):
            await admin.create_workspace("Operator", slug)


class TestHome:
    """Root keys live where no tenant can get, whatever tenants call themselves."""

    async def test_tenant_called_operator_gets_nobodys_root_keys(
        self, admin: AdminService, database: Database, mysql_dsn: Dsn
    ) -> None:
        """It has the slug from before that was reserved, and a keyspace of its own."""
        tenant = await admin.create_workspace("Operator", unique("tenant"))
        await run_sql(mysql_dsn, f"UPDATE workspaces SET slug = 'operator' WHERE id = '{tenant}'")
        try:
            await run_sql(
                mysql_dsn,
                "INSERT INTO key_auth (id, workspace_id, project_id, created_at_m) "
                f"VALUES ('ks_{tenant}', '{tenant}', 'proj_x', 1)",
            )
            victim = await admin.create_workspace("Victim", unique("victim"))
            issued = [await admin.create_root_key(workspace, "key", []) for workspace in (tenant, victim)]
            await ensure_root_keyspace(database, clock=FixedClock(), ids=RandomIds())
        finally:
            await run_sql(mysql_dsn, f"UPDATE workspaces SET slug = '{unique('old')}' WHERE id = '{tenant}'")
        ids = ", ".join(f"'{key.id}'" for key in issued)
        rows = await run_sql(mysql_dsn, f"SELECT DISTINCT workspace_id, key_auth_id FROM `keys` WHERE id IN ({ids})")
        assert rows == [(ROOT_WORKSPACE, ROOT_KEYSPACE)]

    async def test_making_it_is_safe_to_repeat(self, database: Database, mysql_dsn: Dsn) -> None:
        for _ in range(2):
            await with_fresh_ids(
                lambda: ensure_root_keyspace(database, clock=FixedClock(), ids=RandomIds()), asyncio.sleep
            )
        assert await run_sql(mysql_dsn, f"SELECT COUNT(*) FROM key_auth WHERE workspace_id = '{ROOT_WORKSPACE}'") == [
            (1,)
        ]
        [(organization,)] = await run_sql(mysql_dsn, f"SELECT org_id FROM workspaces WHERE id = '{ROOT_WORKSPACE}'")
        assert organization != ROOT_WORKSPACE

    async def test_key_that_acts_for_it_has_to_be_confirmed(self, admin: AdminService, mysql_dsn: Dsn) -> None:
        first = await admin.create_workspace("Acme", unique("acme"))
        moved = await admin.create_root_key(first, "old", [])
        second = await admin.create_workspace("Holder", unique("holder"))
        await run_sql(mysql_dsn, f"UPDATE `keys` SET workspace_id = '{second}' WHERE id = '{moved.id}'")
        for workspace in (ROOT_WORKSPACE, second):
            with pytest.raises(WorkspaceHoldsRootKeys, match="--over-root-keys"):
                await admin.create_root_key(workspace, "key", [])
            issued = await admin.create_root_key(workspace, "key", [], over_root_keys=True)
            assert issued.id in [line.id for line in await admin.list_root_keys(workspace)]
            await admin.root_keys.revoke(issued.id)


class TestRootKey:
    async def test_issued_key_is_listed_for_its_workspace_without_its_secret(self, admin: AdminService) -> None:
        workspace_id = await admin.create_workspace("Acme", unique("acme"))
        issued = await admin.create_root_key(workspace_id, "ci", ["api.*.create_api", "api.*.create_api"])
        [line] = await admin.list_root_keys(workspace_id)
        assert (line.id, line.name, line.for_workspace_id) == (issued.id, "ci", workspace_id)
        assert issued.secret.reveal().startswith(line.start)
        assert issued.secret.reveal() != line.start

    async def test_unknown_workspace_is_refused(self, admin: AdminService) -> None:
        with pytest.raises(WorkspaceUnknown, match="ws_nope"):
            await admin.create_root_key("ws_nope", "ci", [])

    async def test_keys_issued_at_once_share_permissions_and_keyspace(self, admin: AdminService) -> None:
        workspace_id = await admin.create_workspace("Acme", unique("acme"))
        await admin.create_root_key(workspace_id, "first", ["a.*.b"])
        wanted = [f"p.*.{n}" for n in range(5)]
        await asyncio.gather(*(admin.create_root_key(workspace_id, f"k{n}", wanted) for n in range(8)))
        assert len(await admin.list_root_keys(workspace_id)) == 9

    async def test_revoked_key_is_gone_and_cannot_be_revoked_again(self, admin: AdminService) -> None:
        workspace_id = await admin.create_workspace("Acme", unique("acme"))
        issued = await admin.create_root_key(workspace_id, "ci", [])
        await admin.root_keys.revoke(issued.id)
        assert await admin.list_root_keys(workspace_id) == []
        with pytest.raises(RootKeyUnknown):
            await admin.root_keys.revoke(issued.id)
