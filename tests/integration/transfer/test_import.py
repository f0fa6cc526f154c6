"""What an import takes, what it turns down, and what becomes of it."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

import bcrypt
import pytest

from tests.support.transfer import Depot, native, write_lines
from unkey_api.areas.keys.transfer import importing
from unkey_api.areas.keys.transfer.reading import LINE_BYTES_MAX, open_records
from unkey_api.areas.keys.transfer.types import TransferRefused

pytestmark = pytest.mark.integration


def fresh() -> str:
    return f"sk_live_{secrets.token_hex(16)}"


class TestTaken:
    async def test_everything_a_key_has_arrives_and_it_verifies(self, depot: Depot) -> None:
        secret = fresh()
        report = await depot.import_lines(
            {
                "hash": native(secret),
                "start": "sk_live_1234",
                "name": "first",
                "externalId": "user 1",
                "identityMeta": {"plan": "pro"},
                "meta": {"b": 1, "a": "<x>"},
                "roles": ["admin role"],
                "permissions": ["documents.read", "documents.*"],
                "expires": "2030-01-01T00:00:00Z",
                "enabled": True,
                "credits": {"remaining": 5, "refill": {"interval": "monthly", "amount": 9, "refillDay": 3}},
                "ratelimits": [{"name": "requests", "limit": 10, "duration": 60000, "autoApply": True}],
                "createdAt": 1_600_000_000_000,
            }
        )
        assert (report.imported, report.rejected, report.resumed) == (1, 0, False)
        verdict = await depot.verify(secret)
        assert verdict["valid"]
        assert verdict["identity"]["externalId"] == "user 1"
        assert (verdict["roles"], sorted(verdict["permissions"])) == (["admin role"], ["documents.*", "documents.read"])
        assert (verdict["credits"], verdict["expires"], verdict["name"]) == (4, 1_893_456_000_000, "first")
        [row] = await depot.sql(
            f"SELECT start, meta, created_at_m, refill_day, refill_amount FROM `keys` WHERE id = '{verdict['keyId']}'"
        )
        assert row == ("sk_live_1234", '{"a":"\\u003cx\\u003e","b":1}', 1_600_000_000_000, 3, 9)
        [(meta,)] = await depot.sql(f"SELECT meta FROM identities WHERE workspace_id = '{depot.workspace_id}'")
        assert json.loads(meta) == {"plan": "pro"}

    async def test_csv(self, depot: Depot) -> None:
        secret = fresh()
        report = await depot.import_csv(
            "\ufeffhash,name,externalId,meta,roles,permissions,enabled,remaining,refillInterval,refillAmount,ratelimits\r\n"
            "\r\n"
            f'{native(secret)},"a, ""b""",u1,"{{""a"": 1}}",one; two,"[""p.read""]",true,7,daily,3,'
            '"[{""name"":""r"",""limit"":1,""duration"":1000}]"\r\n'
        )
        assert (report.imported, depot.rejected()) == (1, [])
        verdict = await depot.verify(secret)
        assert (verdict["credits"], sorted(verdict["roles"]), verdict["permissions"]) == (6, ["one", "two"], ["p.read"])

    async def test_secrets_are_hashed_and_not_kept(self, depot: Depot) -> None:
        secret = fresh()
        await depot.import_lines({"key": secret}, {"key": secret, "x": 1})
        assert (await depot.verify(secret))["valid"]
        rows = await depot.sql(f"SELECT * FROM `keys` WHERE workspace_id = '{depot.workspace_id}'")
        assert secret not in str(rows)
        assert secret not in depot.rejects.path.read_text()

    async def test_hexadecimal_sha256_needs_no_migration(self, depot: Depot) -> None:
        secret = fresh()
        await depot.import_lines({"hash": hashlib.sha256(secret.encode()).hexdigest().upper()})
        assert (await depot.verify(secret))["valid"]

    async def test_foreign_hashes_wait_for_their_first_use(self, depot: Depot) -> None:
        migration = await depot.migration()
        first, second = fresh(), fresh()
        await depot.import_lines(
            {"hash": hashlib.sha512(first.encode()).hexdigest()},
            {"hash": bcrypt.hashpw(second.encode(), bcrypt.gensalt(4)).decode(), "visible": second[:16]},
            migration=migration,
        )
        for secret in (first, second):
            assert (await depot.verify(secret))["code"] == "NOT_FOUND"
            assert (await depot.verify(secret, migrationId=migration))["valid"]
            assert (await depot.verify(secret))["valid"]

    async def test_prefixed_api_keys(self, depot: Depot) -> None:
        migration = await depot.migration("github.com/seamapi/prefixed-api-key")
        long = secrets.token_hex(12)
        await depot.import_lines({"hash": hashlib.sha256(long.encode()).hexdigest()}, migration=migration)
        assert (await depot.verify(f"co_short_{long}", migrationId=migration))["valid"]

    async def test_ids_can_be_kept(self, depot: Depot) -> None:
        key_id = f"key_{secrets.token_hex(6)}"
        await depot.import_lines({"keyId": key_id, "key": fresh()})
        assert await depot.count() == 1
        again = await depot.import_lines({"keyId": key_id, "key": fresh()})
        assert (again.imported, again.rejected) == (0, 1)

    async def test_existing_identities_roles_and_permissions_are_reused(self, depot: Depot) -> None:
        shared = {"externalId": "u", "roles": ["r"], "permissions": ["p"]}
        await depot.import_lines({"key": fresh(), **shared})
        await depot.import_lines({"key": fresh(), **shared}, {"key": fresh(), **shared})
        for table in ("identities", "roles", "permissions"):
            [(n,)] = await depot.sql(f"SELECT COUNT(*) FROM {table} WHERE workspace_id = '{depot.workspace_id}'")
            assert n == 1

    async def test_a_deleted_identity_gets_no_keys(self, depot: Depot) -> None:
        await depot.import_lines({"key": fresh(), "externalId": "u"})
        await depot.sql(f"UPDATE identities SET deleted = 1 WHERE workspace_id = '{depot.workspace_id}'")
        secret = fresh()
        await depot.import_lines({"key": secret, "externalId": "u"})
        rows = await depot.sql(
            f"SELECT id, deleted FROM identities WHERE workspace_id = '{depot.workspace_id}' ORDER BY deleted"
        )
        assert [deleted for _, deleted in rows] == [0, 1]
        assert (await depot.verify(secret))["identity"]["id"] == rows[0][0]

    async def test_each_key_has_its_audit_entry(self, depot: Depot) -> None:
        await depot.import_lines({"key": fresh(), "name": "n"}, {"key": fresh()})
        found = await depot.sql(f"SELECT payload FROM clickhouse_outbox WHERE workspace_id = '{depot.workspace_id}'")
        entries = [json.loads(payload) for (payload,) in found]
        created = [e for e in entries if e["event"] == "key.create" and e["description"].endswith("by import")]
        assert len(created) == 2
        assert created[0]["actor"]["type"] == "system"

    async def test_several_batches(self, depot: Depot) -> None:
        report = await depot.import_lines(*({"key": fresh()} for _ in range(importing.BATCH * 2 + 5)))
        assert report.imported == await depot.count() == importing.BATCH * 2 + 5
        assert not depot.journal_path.exists()


class TestRejected:
    @pytest.mark.parametrize(
        ("document", "reason"),
        [
            ("not json", "is not JSON"),
            ("[1]", "is not a JSON object"),
            ({}, "exactly one of hash and key"),
            ({"hash": "a" * 44, "key": "b"}, "exactly one of hash and key"),
            ({"hash": "sk_live_secret"}, "no known kind"),
            ({"hash": "a" * 128}, "--migration"),
            ({"hash": "$2b$10$" + "a" * 53, "visible": "abcd"}, "--migration"),
            ({"hash": "$2b$10$" + "a" * 53, "visible": "abc"}, "visible"),
            ({"hash": "$2b$16$" + "a" * 53, "visible": "abcd"}, "a bcrypt cost of 16 is more than the 12"),
            ({"hash": "x" * 257}, "hash is longer than 256"),
            ({"key": "k", "surplus": 1}, "unknown field surplus"),
            ({"key": "k", "name": "x" * 256}, "name is longer than 255"),
            ({"key": "k", "name": 5}, "name is not a text"),
            ({"key": "k", "name": "a\u0000b"}, "NUL character"),
            ({"key": "k", "permissions": ["with space"]}, "permissions holds characters"),
            ({"key": "k", "permissions": "x" * 129}, "permissions is longer than 128"),
            ({"key": "k", "roles": [1]}, "not a text"),
            ({"key": "k", "roles": {"a": 1}}, "not a list"),
            ({"key": "k", "enabled": "maybe"}, "neither true nor false"),
            ({"key": "k", "expires": -1}, "expires must be 0 to"),
            ({"key": "k", "expires": "next-week"}, "expires is no time"),
            ({"key": "k", "expires": 1.5}, "not a whole number"),
            ({"key": "k", "meta": [1]}, "meta is not an object"),
            ({"key": "k", "meta": {"a": "x" * 70_000}}, "meta is larger"),
            ({"key": "k", "credits": {"refill": {"interval": "daily", "amount": 1}}}, "remaining is missing"),
            ({"key": "k", "credits": {"remaining": 1, "refill": {"interval": "monthly", "amount": 1}}}, "refillDay"),
            ({"key": "k", "credits": {"remaining": 1, "refill": {"interval": "hourly", "amount": 1}}}, "neither daily"),
            ({"key": "k", "ratelimits": [{"name": "r", "limit": 0, "duration": 1000}]}, "limit must be 1 to"),
            ({"key": "k", "ratelimits": [{"name": "r", "limit": 1}]}, "needs name, limit and duration"),
            ({"key": "k", "keyId": "key-1"}, "keyId holds characters"),
        ],
    )
    async def test_line_with_its_reason_and_nothing_else_is_lost(
        self, depot: Depot, document: Any, reason: str
    ) -> None:
        good = fresh()
        report = await depot.import_lines(document, {"key": good})
        assert (report.imported, report.rejected) == (1, 1)
        [rejected] = depot.rejected()
        assert rejected["line"] == 1
        assert reason in rejected["reason"]
        assert (await depot.verify(good))["valid"]

    async def test_secret_in_the_wrong_column_is_not_written_anywhere(self, depot: Depot) -> None:
        secret = fresh()
        report = await depot.import_lines({"hash": secret}, {"hash": secret, "x": 1}, f'{{"hash": "{secret}"')
        assert report.rejected == 3
        assert secret not in depot.rejects.path.read_text()
        assert depot.rejects.path.stat().st_mode & 0o077 == 0

    async def test_hashes_that_are_taken_here_before_or_elsewhere(self, depot: Depot, tmp_path: Any) -> None:
        other = await Depot.make(depot.api, depot.dsn, tmp_path / "other")
        other.folder.mkdir()
        taken, twice = fresh(), fresh()
        await other.import_lines({"key": taken})
        report = await depot.import_lines({"key": taken}, {"key": twice}, {"key": twice})
        assert (report.imported, [r["line"] for r in depot.rejected()]) == (1, [1, 3])
        assert depot.rejected()[0]["hash"] == native(taken)

    async def test_names_that_differ_in_spelling_only(self, depot: Depot) -> None:
        """The database takes them for the same; linking the other one would grant something else."""
        await depot.import_lines({"key": fresh(), "roles": ["Admin"], "permissions": ["Read"]})
        good = fresh()
        report = await depot.import_lines(
            {"key": fresh(), "roles": ["admin"]}, {"key": fresh(), "permissions": ["read"]}, {"key": good}
        )
        assert (report.imported, report.rejected) == (1, 2)
        assert [r["reason"] for r in depot.rejected()] == [
            "roles: one exists that differs from 'admin' in spelling only",
            "permissions: one exists that differs from 'read' in spelling only",
        ]
        assert (await depot.verify(good))["valid"]

    async def test_more_keys_that_begin_alike_than_are_ever_tried(self, depot: Depot) -> None:
        migration = await depot.migration()
        phcs = [bcrypt.hashpw(str(n).encode(), bcrypt.gensalt(4)).decode() for n in range(10)]
        await depot.import_lines(*({"hash": phc, "visible": "sk_l"} for phc in phcs[:6]), migration=migration)
        report = await depot.import_lines(*({"hash": phc, "visible": "sk_l"} for phc in phcs[6:]), migration=migration)
        assert (report.imported, report.rejected) == (2, 2)
        assert "more than 8 keys begin like 'sk_l'" in depot.rejected()[0]["reason"]

    async def test_csv_row_of_wrong_length_and_bytes_that_are_no_text(self, depot: Depot) -> None:
        good = fresh()
        report = await depot.import_csv(f"key,name\na\n{fresh()},\udcff\n{good},fine\n")
        assert (report.imported, [r["reason"] for r in depot.rejected()]) == (
            1,
            ["has 1 fields, the header has 2", "name holds a NUL character or is not UTF-8"],
        )
        assert (await depot.verify(good))["valid"]

    async def test_line_without_end(self, depot: Depot) -> None:
        good = fresh()
        report = await depot.import_lines("x" * (2 * LINE_BYTES_MAX + 10), {"key": good})
        assert (report.imported, report.rejected) == (1, 1)
        assert (await depot.verify(good))["valid"]


class TestRefused:
    async def test_file_that_another_process_imports(self, depot: Depot) -> None:
        path = write_lines(depot.folder / "keys.jsonl", [{"key": fresh()}])
        with open_records(path), pytest.raises(TransferRefused, match="another process"):
            await depot.run(path)

    async def test_unknown_workspace_api_and_migration(self, depot: Depot) -> None:
        with pytest.raises(TransferRefused, match="no migration 'nope'"):
            await depot.target("nope")
        depot.api_id = "api_nope"
        with pytest.raises(TransferRefused, match="no API like that"):
            await depot.target()

    async def test_workspace_with_several_apis_needs_one_of_them(self, depot: Depot) -> None:
        first = depot.api_id
        second = (await depot.api.post("/v2/apis.createApi", {"name": "two"}, depot.admin)).json["data"]["apiId"]
        depot.api_id = ""
        with pytest.raises(TransferRefused, match=f"say --api: workspace '{depot.workspace_id}' has") as refused:
            await depot.target()
        assert all(name in str(refused.value) for name in (first, second))
        for depot.api_id in (first, second):
            assert (await depot.target()).api_id == depot.api_id

    async def test_deleted_apis_and_workspaces_take_nothing(self, depot: Depot) -> None:
        await depot.sql(f"UPDATE apis SET deleted_at_m = 1 WHERE id = '{depot.api_id}'")
        with pytest.raises(TransferRefused, match="has no API like that"):
            await depot.target()
        depot.api_id = ""
        with pytest.raises(TransferRefused, match=r"has no API$"):
            await depot.target()
        await depot.sql(f"UPDATE workspaces SET deleted_at_m = 1 WHERE id = '{depot.workspace_id}'")
        with pytest.raises(TransferRefused, match=f"there is no workspace '{depot.workspace_id}'"):
            await depot.target()

    async def test_file_whose_format_nobody_knows(self, depot: Depot) -> None:
        path = depot.folder / "keys.txt"
        path.write_text("")
        with pytest.raises(TransferRefused, match="--format"):
            await depot.run(path)

    async def test_broken_csv_ends_the_import(self, depot: Depot) -> None:
        with pytest.raises(TransferRefused, match="is not CSV"):
            await depot.import_csv('key,name\na,"b\n')


class TestDryRun:
    async def test_same_verdicts_and_nothing_written(self, depot: Depot) -> None:
        good, taken = fresh(), fresh()
        await depot.import_lines({"key": taken})
        lines = ({"key": good}, {"key": good}, {"key": taken}, {"key": "k", "x": 1})
        report = await depot.import_lines(*lines, dry_run=True)
        assert (report.imported, report.rejected) == (1, 3)
        assert [r["line"] for r in depot.rejected()] == [2, 3, 4]
        assert await depot.count() == 1
        assert not depot.journal_path.exists()

    async def test_duplicates_in_different_batches_are_seen(self, depot: Depot) -> None:
        first = fresh()
        many = [{"key": fresh()} for _ in range(importing.BATCH)]
        report = await depot.import_lines({"key": first}, *many, {"key": first}, dry_run=True)
        assert (report.imported, report.rejected) == (importing.BATCH + 1, 1)
