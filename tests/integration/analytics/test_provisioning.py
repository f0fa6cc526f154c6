"""The statements that give a workspace its login. The embedded engine parses them and has no users to give it to."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import pytest

from tests.support.asking import Asking
from unkey_api.areas.analytics.service import login_statements as statements
from unkey_api.areas.analytics.service.provision import LoginRefused, ProvisionWorkspace, new_password
from unkey_api.areas.analytics.tables import ALL_TABLES
from unkey_api.areas.analytics.types import Quotas
from unkey_api.core.errors import InvalidInput
from unkey_api.infra.clickhouse.client import ClickHouseClient
from unkey_api.infra.mysql import Query, Statement

pytestmark = pytest.mark.integration


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the settings."""

    password_encrypted: str
    max_queries_per_window: int


FIND = Query(
    "test_settings",
    "SELECT password_encrypted, max_queries_per_window FROM clickhouse_workspace_settings WHERE workspace_id = %(id)s",
    Stored,
)
DELETE = Statement("test_settings_delete", "DELETE FROM clickhouse_workspace_settings WHERE workspace_id = %(id)s")


async def stored(asking: Asking, workspace_id: str) -> Stored:
    found = await asking.api.database.primary.fetch_one(FIND, {"id": workspace_id})
    assert found is not None
    return found


QUOTAS = Quotas(max_queries_per_window=7, max_query_execution_time=90)


def all_statements() -> list[str]:
    return [
        statements.create_user("ws_1", "aA0-"),
        statements.revoke_everything("ws_1"),
        *statements.grants("ws_1", ALL_TABLES),
        *statements.row_policies("ws_1", "ws_1", ALL_TABLES, days=30),
        statements.quota("ws_1", "ws_1", QUOTAS),
        statements.settings_profile("ws_1", "ws_1", QUOTAS),
    ]


class TestStatements:
    async def test_clickhouse_understands_each(self, clickhouse_client: ClickHouseClient) -> None:
        assert len(all_statements()) == 28
        for statement in all_statements():
            assert await clickhouse_client.fetch(f"EXPLAIN AST {statement}"), statement

    async def test_the_conditions_of_row_policies_run_on_their_tables(
        self, clickhouse_client: ClickHouseClient
    ) -> None:
        for table, statement in zip(ALL_TABLES, statements.row_policies("u", "ws_1", ALL_TABLES, days=30), strict=True):
            condition = statement.partition(" USING ")[2].removesuffix(" TO `u`")
            assert await clickhouse_client.fetch(f"SELECT count() AS n FROM {table.physical} WHERE {condition}")

    def test_columns_that_are_not_public_are_not_granted(self) -> None:
        granted = "\n".join(statements.grants("ws_1", ALL_TABLES))
        assert "GRANT SELECT ON `default`.`key_verifications_raw_v2` TO `ws_1`" in granted
        assert "`attributes_text`) ON `default`.`runtime_logs_raw_v1`" in granted
        for hidden in ("frontline_id", "instance_address", "k8s_pod_name", "`attributes`", "`platform`", "expires_at"):
            assert hidden not in granted

    def test_only_the_running_time_may_be_asked_for(self) -> None:
        profile = statements.settings_profile("ws_1", "ws_1", QUOTAS)
        assert "max_execution_time = 30 MIN 1 MAX 30 CHANGEABLE_IN_READONLY" in profile
        assert "max_result_bytes = 4194304 READONLY" in profile
        assert "readonly = 1 READONLY" in profile

    @pytest.mark.parametrize("name", ["", "a`b", "a b", "a'; DROP USER x", "é"])
    def test_names_that_could_be_more_are_refused(self, name: str) -> None:
        with pytest.raises(InvalidInput):
            statements.create_user(name, "aA0-")
        with pytest.raises(InvalidInput):
            list(statements.row_policies("u", name, ALL_TABLES, days=1))
        with pytest.raises(InvalidInput):
            statements.create_user("u", f"{name}'")


def test_passwords_have_every_kind_of_character() -> None:
    found = {new_password(secrets.token_bytes) for _ in range(50)}
    assert len(found) == 50
    for password in found:
        assert len(password) == 64
        assert any(map(str.islower, password))
        assert any(map(str.isupper, password))
        assert any(map(str.isdigit, password))
        assert set(password) & set("-_.~")


class TestSettings:
    async def test_they_are_kept_before_clickhouse_is_asked_and_the_password_stays(self, asking: Asking) -> None:
        """So that a repetition, wherever the first try broke off, gives the user the password that is stored."""
        workspace_id = (await asking.api.caller()).workspace_id
        provision = ProvisionWorkspace(
            asking.api.database,
            asking.vault,
            asking.clickhouse,
            clock=asking.api.clock,
            random_bytes=secrets.token_bytes,
        )
        with pytest.raises(InvalidInput, match="has no limits"):
            await provision(workspace_id, Quotas())
        await asking.set_up(workspace_id, password="of before")
        await asking.api.database.primary.execute(DELETE, {"id": workspace_id})

        with pytest.raises(LoginRefused) as caught:
            await provision(workspace_id, Quotas())
        assert "needs the right to manage users" in caught.value.public
        first = await stored(asking, workspace_id)
        with pytest.raises(LoginRefused):
            await provision(workspace_id, QUOTAS)
        second = await stored(asking, workspace_id)

        assert (first.max_queries_per_window, second.max_queries_per_window) == (1_000, 7)
        assert first.password_encrypted == second.password_encrypted
        assert len((await asking.vault.decrypt(workspace_id, first.password_encrypted)).reveal()) == 64
