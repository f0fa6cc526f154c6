"""Workspaces and root keys as the operator's commands make them."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from tests.support.clock import FixedClock
from tests.support.mysql import run_sql
from unkey_api.areas.keys.service.attempts import with_fresh_ids
from unkey_api.areas.rootkeys.home import HOME_KEYSPACE, HOME_WORKSPACE, ensure_home
from unkey_api.audit.service import AuditLog
from unkey_api.core.ids import RandomIds
from unkey_api.infra.mysql import Database, Dsn
from unkey_api.operator.errors import RootKeyUnknown, WorkspaceHoldsRootKeys, WorkspaceTaken, WorkspaceUnknown
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

    @pytest.mark.parametrize("slug", ["operator", "Operator", "ws_root_keys", "root-keys"])
    async def test_slug_of_the_operator_is_reserved(self, desk: OperatorDesk, slug: str) -> None:
        with pytest.raises(WorkspaceTaken, match="reserved"):
            await desk.create_workspace("Operator", slug)


class TestHome:
    """Root keys live where no tenant can get, whatever tenants call themselves."""

    async def test_tenant_called_operator_gets_nobodys_root_keys(
        self, desk: OperatorDesk, database: Database, mysql_dsn: Dsn
    ) -> None:
        """It has the slug from before that was reserved, and a keyspace of its own."""
        tenant = await desk.create_workspace("Operator", unique("tenant"))
        await run_sql(mysql_dsn, f"UPDATE workspaces SET slug = 'operator' WHERE id = '{tenant}'")
        try:
            await run_sql(
                mysql_dsn,
                "INSERT INTO key_auth (id, workspace_id, project_id, created_at_m) "
                f"VALUES ('ks_{tenant}', '{tenant}', 'proj_x', 1)",
            )
            victim = await desk.create_workspace("Victim", unique("victim"))
            issued = [await desk.create_root_key(workspace, "key", []) for workspace in (tenant, victim)]
            await ensure_home(database, clock=FixedClock(), ids=RandomIds())
        finally:
            await run_sql(mysql_dsn, f"UPDATE workspaces SET slug = '{unique('old')}' WHERE id = '{tenant}'")
        ids = ", ".join(f"'{key.id}'" for key in issued)
        rows = await run_sql(mysql_dsn, f"SELECT DISTINCT workspace_id, key_auth_id FROM `keys` WHERE id IN ({ids})")
        assert rows == [(HOME_WORKSPACE, HOME_KEYSPACE)]

    async def test_making_it_is_safe_to_repeat(self, database: Database, mysql_dsn: Dsn) -> None:
        for _ in range(2):
            await with_fresh_ids(lambda: ensure_home(database, clock=FixedClock(), ids=RandomIds()), asyncio.sleep)
        assert await run_sql(mysql_dsn, f"SELECT COUNT(*) FROM key_auth WHERE workspace_id = '{HOME_WORKSPACE}'") == [
            (1,)
        ]
        [(organization,)] = await run_sql(mysql_dsn, f"SELECT org_id FROM workspaces WHERE id = '{HOME_WORKSPACE}'")
        assert organization != HOME_WORKSPACE

    async def test_key_that_acts_for_it_has_to_be_confirmed(self, desk: OperatorDesk, mysql_dsn: Dsn) -> None:
        first = await desk.create_workspace("Acme", unique("acme"))
        moved = await desk.create_root_key(first, "old", [])
        second = await desk.create_workspace("Holder", unique("holder"))
        await run_sql(mysql_dsn, f"UPDATE `keys` SET workspace_id = '{second}' WHERE id = '{moved.id}'")
        for workspace in (HOME_WORKSPACE, second):
            with pytest.raises(WorkspaceHoldsRootKeys, match="--over-root-keys"):
                await desk.create_root_key(workspace, "key", [])
            issued = await desk.create_root_key(workspace, "key", [], over_root_keys=True)
            assert issued.id in [line.id for line in await desk.list_root_keys(workspace)]
            await desk.root_keys.revoke(issued.id)


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
        await desk.root_keys.revoke(issued.id)
        assert await desk.list_root_keys(workspace_id) == []
        with pytest.raises(RootKeyUnknown):
            await desk.root_keys.revoke(issued.id)
