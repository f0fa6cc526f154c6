"""Exports tell everything but secrets, and can be imported elsewhere."""

from __future__ import annotations

import csv
import json
import secrets
from io import StringIO
from typing import Any

import pytest

from tests.support.transfer import Depot, native
from unkey_api.areas.keys.transfer.exporting import PAGE, ExportWriter, export_keys
from unkey_api.areas.keys.transfer.targets import apis_of
from unkey_api.areas.keys.transfer.types import FileFormat

pytestmark = pytest.mark.integration


async def exported(depot: Depot, file_format: FileFormat = FileFormat.JSONL, *, migration: str = "") -> str:
    out = StringIO()
    writer = ExportWriter(out, file_format)
    apis = await apis_of(depot.api.database, depot.workspace_id, api="", keyspace="")
    async for page in export_keys(depot.api.database, depot.workspace_id, apis, migration_id=migration):
        writer.write(page)
    return out.getvalue()


def documents(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


FULL = {
    "name": "first",
    "externalId": "u1",
    "identityMeta": {"plan": "pro"},
    "meta": {"a": 1},
    "roles": ["admin role"],
    "permissions": ["documents.read"],
    "expires": 1_893_456_000_000,
    "enabled": False,
    "credits": {"remaining": 5, "refill": {"interval": "monthly", "amount": 9, "refillDay": 3}},
    "ratelimits": [{"name": "requests", "limit": 10, "duration": 60000, "autoApply": True}],
    "createdAt": 1_600_000_000_000,
}


class TestExport:
    async def test_everything_but_the_secret(self, depot: Depot) -> None:
        secret = f"sk_live_{secrets.token_hex(16)}"
        await depot.import_lines({"key": secret, **FULL})
        text = await exported(depot)
        assert secret not in text
        [document] = documents(text)
        assert document["hash"] == native(secret)
        flat = {k: v for k, v in FULL.items() if k != "credits"}
        assert {k: document[k] for k in flat} == flat
        assert [document[k] for k in ("remaining", "refillInterval", "refillAmount", "refillDay")] == [
            5,
            "monthly",
            9,
            3,
        ]
        assert {"keyId", "keyspaceId", "identityId"} <= document.keys()

    @pytest.mark.parametrize("file_format", list(FileFormat))
    async def test_what_was_exported_can_be_imported(self, depot: Depot, file_format: FileFormat) -> None:
        """A round trip keeps everything, ids included."""
        await depot.import_lines({"key": secrets.token_hex(16), **FULL}, {"key": secrets.token_hex(16)})
        first = await exported(depot, file_format)
        before = documents(await exported(depot))
        ids = "', '".join(document["keyId"] for document in before)
        await depot.sql(f"DELETE FROM `keys` WHERE id IN ('{ids}')")
        for table in ("keys_roles", "keys_permissions", "ratelimits"):
            await depot.sql(f"DELETE FROM {table} WHERE workspace_id = '{depot.workspace_id}'")
        if file_format is FileFormat.CSV:
            assert next(csv.DictReader(StringIO(first))).keys() >= {"hash", "meta"}
            report = await depot.import_csv(first)
        else:
            report = await depot.import_lines(*first.splitlines())
        assert (report.imported, depot.rejected()) == (2, [])
        assert documents(await exported(depot)) == before

    async def test_pages_hold_every_key_once(self, depot: Depot) -> None:
        await depot.import_lines(*({"key": secrets.token_hex(16)} for _ in range(2 * PAGE)))
        ids = [document["keyId"] for document in documents(await exported(depot))]
        assert len(ids) == len(set(ids)) == 2 * PAGE

    async def test_only_keys_of_a_migration(self, depot: Depot) -> None:
        migration = await depot.migration()
        await depot.import_lines({"key": secrets.token_hex(16)}, {"hash": "a" * 128}, migration=migration)
        [document] = documents(await exported(depot, migration=migration))
        assert (document["hash"], document["migrationId"]) == ("a" * 128, migration)

    async def test_deleted_keys_root_keys_and_other_workspaces_are_left_out(self, depot: Depot, tmp_path: Any) -> None:
        (tmp_path / "other").mkdir()
        other = await Depot.make(depot.api, depot.dsn, tmp_path / "other")
        await other.import_lines({"key": secrets.token_hex(16)})
        await depot.import_lines({"key": secrets.token_hex(16)})
        await depot.sql(f"UPDATE `keys` SET deleted_at_m = 1 WHERE workspace_id = '{depot.workspace_id}'")
        assert await exported(depot) == ""
        [(owner,)] = await depot.sql(
            f"SELECT DISTINCT workspace_id FROM `keys` WHERE for_workspace_id = '{depot.workspace_id}'"
        )
        apis = await apis_of(depot.api.database, owner, api="", keyspace="")
        pages = [p async for p in export_keys(depot.api.database, owner, apis, migration_id="")]
        assert pages == []
