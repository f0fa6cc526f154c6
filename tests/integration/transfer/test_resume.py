"""An import that stopped somewhere goes on without losing, repeating or misjudging a line."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.support.harness import Harness
from tests.support.transfer import Depot, write_lines
from unkey_api.areas.keys.transfer import queries
from unkey_api.areas.keys.transfer.importing import BATCH, ImportKeys
from unkey_api.areas.keys.transfer.journal import Journal
from unkey_api.areas.keys.transfer.reading import open_records
from unkey_api.areas.keys.transfer.types import ImportReport, TransferRefused
from unkey_api.areas.keys.transfer.writing import Batch, BatchWriter
from unkey_api.areas.keys.types import MigrationAlgorithm
from unkey_api.audit.service import AuditLog
from unkey_api.core.ids import RandomIds
from unkey_api.infra.mysql import DuplicateKey

pytestmark = pytest.mark.integration


class Killed(BaseException):
    """The process is gone; no handler runs."""


class Mortal(BatchWriter):
    """Dies at its n-th batch: before it is written, or after it was committed."""

    def __init__(self, api: Harness, *, at: int, committed: bool) -> None:
        ids = RandomIds()
        super().__init__(api.database, AuditLog(clock=api.clock, ids=ids), clock=api.clock, ids=ids)
        self._left = at
        self._committed = committed

    async def write(self, batch: Batch) -> None:
        if self._left == 1 and not self._committed:
            raise Killed
        await super().write(batch)  # raises when it has to be tried again; that one does not count
        self._left -= 1
        if not self._left:
            raise Killed


async def die(depot: Depot, path: Path, *, at: int, committed: bool) -> None:
    target = await depot.target()
    importing = ImportKeys(depot.api.database, Mortal(depot.api, at=at, committed=committed))
    with open_records(path) as source:
        journal = Journal.of(depot.journal_path, source.fingerprint(), target)
        with pytest.raises(Killed):
            await importing(source, target, journal, depot.rejects, lambda *_: None)


def mixed(depot: Depot, count: int) -> Path:
    """Write a file in which every tenth line is no good, in both formats alike."""
    lines = [{"key": f"k{n}"} | ({"x": 1} if n % 10 == 0 else {}) for n in range(count)]
    for line in lines:
        line["key"] = f"{line['key']}_{secrets.token_hex(8)}"
    return write_lines(depot.folder / "keys.jsonl", lines)


class TestResume:
    @pytest.mark.parametrize("committed", [False, True])
    @pytest.mark.parametrize("at", [1, 2, 3])
    async def test_after_a_kill(self, depot: Depot, at: int, committed: bool) -> None:  # noqa: FBT001 - a parameter
        total = 2 * BATCH + 500
        path = mixed(depot, total)
        await die(depot, path, at=at, committed=committed)
        report = await depot.run(path)
        assert (report.imported, report.rejected, report.resumed) == (total * 9 // 10, total // 10, True)
        assert await depot.count() == total * 9 // 10
        assert [r["line"] for r in depot.rejected()] == [n + 1 for n in range(0, total, 10)]
        assert not depot.journal_path.exists()

    @pytest.mark.parametrize("committed", [False, True])
    async def test_killed_again_and_again(self, depot: Depot, committed: bool) -> None:  # noqa: FBT001 - a parameter
        path = mixed(depot, 3 * BATCH)
        for _ in range(2):
            await die(depot, path, at=1, committed=committed)
        report = await depot.run(path)
        assert await depot.count() == report.imported == 3 * BATCH * 9 // 10
        assert len(depot.rejected()) == report.rejected == 3 * BATCH // 10

    async def test_csv(self, depot: Depot) -> None:
        path = depot.folder / "keys.csv"
        rows = "".join(f'k{n}_{secrets.token_hex(8)},"two\nlines"\n' for n in range(BATCH + 10))
        path.write_text("key,name\n" + rows + "short\n")
        await die(depot, path, at=2, committed=True)
        report = await depot.run(path)
        assert (report.imported, report.rejected) == (BATCH + 10, 1)
        assert depot.rejected() == [{"line": 2 * BATCH + 22, "reason": "has 1 fields, the header has 2"}]

    async def test_lines_that_only_an_earlier_batch_made_unusable(self, depot: Depot) -> None:
        """Whether a hash was taken before the import or by it makes the difference between rejected and done."""
        lines = [{"key": f"k{n}_{secrets.token_hex(8)}"} for n in range(2 * BATCH)]
        lines[BATCH + 1] = lines[0]
        path = write_lines(depot.folder / "keys.jsonl", lines)
        await die(depot, path, at=2, committed=True)
        report = await depot.run(path)
        assert (report.imported, [r["line"] for r in depot.rejected()]) == (2 * BATCH - 1, [BATCH + 2])

    async def test_another_file_or_target_under_the_same_journal_is_refused(self, depot: Depot) -> None:
        path = mixed(depot, BATCH + 1)
        await die(depot, path, at=1, committed=True)
        path.write_text(path.read_text() + "\n")
        with pytest.raises(TransferRefused, match="another file or target"):
            await depot.run(path)

    async def test_finished_import_run_again_adds_nothing(self, depot: Depot) -> None:
        path = mixed(depot, 50)
        await depot.run(path)
        report = await depot.run(path)
        assert (report.imported, report.rejected) == (0, 50)
        assert await depot.count() == 45


class Contended(BatchWriter):
    """Finds that somebody has taken the hash of a batch's first key, so many times."""

    def __init__(self, depot: Depot, *, times: int) -> None:
        ids = RandomIds()
        super().__init__(depot.api.database, AuditLog(clock=depot.api.clock, ids=ids), clock=depot.api.clock, ids=ids)
        self._depot = depot
        self._left = times
        self.sizes: list[int] = []

    async def write(self, batch: Batch) -> None:
        self.sizes.append(len(batch.items))
        if self._left:
            self._left -= 1
            taken, id_ = batch.items[0][1].key.hash, f"key_{secrets.token_hex(8)}"
            columns = "id, hash, start, key_auth_id, workspace_id"
            await self._depot.sql(f"INSERT INTO `keys` ({columns}) VALUES ('{id_}', '{taken}', '', 'ks', 'ws_other')")
        await super().write(batch)


class TestContended:
    async def write(self, depot: Depot, writer: Contended, count: int = 8) -> ImportReport:
        path = write_lines(depot.folder / "keys.jsonl", [{"key": secrets.token_hex(16)} for _ in range(count)])
        target = await depot.target()
        with open_records(path) as source:
            journal = Journal.of(depot.journal_path, source.fingerprint(), target)
            return await ImportKeys(depot.api.database, writer)(source, target, journal, depot.rejects, lambda *_: None)

    async def test_hashes_taken_while_a_batch_is_written_are_rejected_and_the_rest_is_not(self, depot: Depot) -> None:
        writer = Contended(depot, times=4)
        report = await self.write(depot, writer)
        assert writer.sizes == [8, 7, 6, 5, 4]
        assert (report.imported, report.rejected, await depot.count()) == (4, 4, 4)
        assert [line["line"] for line in depot.rejected()] == [1, 2, 3, 4]
        assert {line["reason"] for line in depot.rejected()} == {
            "a key with this hash exists, or an earlier line has it"
        }

    async def test_after_five_times_it_is_given_up_and_can_be_gone_on_with(self, depot: Depot) -> None:
        writer = Contended(depot, times=5)
        with pytest.raises(DuplicateKey):
            await self.write(depot, writer)
        assert writer.sizes == [8, 7, 6, 5, 4]
        assert await depot.count() == 0
        report = await depot.run(depot.folder / "keys.jsonl")
        assert (report.imported, report.rejected, report.resumed) == (3, 5, True)


async def test_a_migration_is_made_once_whoever_asks(depot: Depot) -> None:
    made, primary = f"mig_{secrets.token_hex(6)}", depot.api.database.primary
    for workspace, answer in ((depot.workspace_id, True), (depot.workspace_id, False), ("ws_other", False)):
        assert await queries.insert_migration(primary, workspace, made, MigrationAlgorithm.SHA256) is answer
    rows = await depot.sql(f"SELECT workspace_id, algorithm FROM key_migrations WHERE id = '{made}'")
    assert rows == [(depot.workspace_id, "sha256")]
