"""Files an import reads, and those it leaves: the journal and the rejected lines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from unkey_api.areas.keys.transfer.journal import Journal, JournalState, Pending, RejectsFile
from unkey_api.areas.keys.transfer.parsing import BREATH_RECORDS, parsed_batches
from unkey_api.areas.keys.transfer.reading import EDGE_BYTES, LINE_BYTES_MAX, format_of, open_records
from unkey_api.areas.keys.transfer.types import FileFormat, Progress, RawRecord, Rejection, Target, TransferRefused
from unkey_api.core.ids import KeyspaceId, MigrationId

TARGET = Target(
    workspace_id="ws",
    project_id="proj",
    api_id="api",
    api_name="api",
    keyspace_id=KeyspaceId("ks"),
    migration_id=None,
    prefixed=False,
)


class TestRejects:
    @pytest.fixture
    def rejects(self, tmp_path: Path) -> RejectsFile:
        return RejectsFile(tmp_path / "rejects.jsonl")

    def test_lines_are_counted_in_number_and_bytes(self, rejects: RejectsFile) -> None:
        begun = Progress(number=5, imported=3, rejected=1, rejects_bytes=0)
        after = rejects.append(begun, [Rejection(7, "why", "h"), Rejection(9, "why not")])
        text = rejects.path.read_bytes()
        assert [orjson.loads(line) for line in text.splitlines()] == [
            {"line": 7, "reason": "why", "hash": "h"},
            {"line": 9, "reason": "why not"},
        ]
        assert after == Progress(number=5, imported=3, rejected=3, rejects_bytes=len(text))
        assert rejects.append(after, [Rejection(11, "x")]).rejects_bytes == rejects.path.stat().st_size
        assert rejects.append(after, []) == after

    @pytest.mark.parametrize(("length", "left"), [(1, b"a"), (2, b"ab"), (3, b"abc")])
    def test_what_a_batch_that_failed_wrote_is_cut_off(self, rejects: RejectsFile, length: int, left: bytes) -> None:
        rejects.path.write_bytes(b"abc")
        rejects.keep(length)
        assert rejects.path.read_bytes() == left

    @pytest.mark.parametrize("text", [b"", b"abc"])
    def test_nothing_kept_leaves_no_file(self, rejects: RejectsFile, text: bytes) -> None:
        rejects.keep(0)
        rejects.path.write_bytes(text)
        rejects.keep(0)
        assert not rejects.path.exists()

    @pytest.mark.parametrize("text", [None, b"ab"])
    def test_a_file_shorter_than_what_was_written_is_refused(self, rejects: RejectsFile, text: bytes | None) -> None:
        if text is not None:
            rejects.path.write_bytes(text)
        with pytest.raises(TransferRefused, match="was changed since the import stopped"):
            rejects.keep(3)


class TestJournal:
    DONE = Progress(number=1, imported=2, rejected=3, rejects_bytes=4)
    PENDING = Pending("key_1", Progress(number=5, imported=6, rejected=7, rejects_bytes=8))

    def test_it_says_what_was_written_until_it_is_removed(self, tmp_path: Path) -> None:
        journal = Journal.of(tmp_path / "journal", "print", TARGET)
        assert journal.read() == JournalState(Progress(), None)
        journal.write(self.DONE, self.PENDING)
        assert Journal.of(tmp_path / "journal", "print", TARGET).read() == JournalState(self.DONE, self.PENDING)
        assert [file.name for file in tmp_path.iterdir()] == ["journal"]
        journal.remove()
        journal.remove()
        assert journal.read() == JournalState(Progress(), None)

    @pytest.mark.parametrize(
        ("file", "target"),
        [
            ("other", TARGET),
            ("print", replace(TARGET, workspace_id="other")),
            ("print", replace(TARGET, keyspace_id=KeyspaceId("other"))),
            ("print", replace(TARGET, migration_id=MigrationId("other"))),
        ],
    )
    def test_another_file_or_target_is_refused(self, tmp_path: Path, file: str, target: Target) -> None:
        Journal.of(tmp_path / "journal", "print", TARGET).write(self.DONE, self.PENDING)
        with pytest.raises(TransferRefused, match="is of another file or target"):
            Journal.of(tmp_path / "journal", file, target).read()

    def test_what_is_no_journal_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "journal").write_text("{", encoding="utf-8")
        with pytest.raises(TransferRefused, match="cannot be read; remove it to start over"):
            Journal.of(tmp_path / "journal", "print", TARGET).read()


class TestReading:
    def fingerprint(self, path: Path, text: bytes) -> str:
        path.write_bytes(text)
        with open_records(path, FileFormat.JSONL) as records:
            return records.fingerprint()

    def test_a_change_at_either_end_or_of_the_size_makes_another_file(self, tmp_path: Path) -> None:
        middle = b"x" * (3 * EDGE_BYTES)
        texts = [
            b"",
            b"a",
            b"b",
            b"a" + middle + b"a",
            b"b" + middle + b"a",
            b"a" + middle + b"b",
            b"a" + middle + b"xa",
        ]
        prints = [self.fingerprint(tmp_path / "keys", text) for text in texts]
        assert len(set(prints)) == len(texts)
        assert prints[1] == self.fingerprint(tmp_path / "again", b"a")
        late = (
            b"a" + middle[: 1 - EDGE_BYTES] + b"y" + middle[2 - EDGE_BYTES :] + b"a"
        )  # the first byte of its last end
        assert self.fingerprint(tmp_path / "late", late) != prints[3]

    @pytest.mark.parametrize("extra", [0, 1, LINE_BYTES_MAX, LINE_BYTES_MAX + 1])
    def test_a_line_of_any_length_is_one_record(self, tmp_path: Path, extra: int) -> None:
        path = tmp_path / "keys.jsonl"
        path.write_bytes(b"x" * (LINE_BYTES_MAX - 1 + extra) + b'\n\n{"a": 1}')
        with open_records(path) as records:
            found = list(records.records())
            assert records.consumed == records.size == path.stat().st_size
        assert [(record.number, record.line) for record in found] == [(1, 1), (2, 3)]
        assert (bool(found[0].problem), found[1].problem, found[1].document) == (True, "", {"a": 1})

    @pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
    def test_records_that_are_passed_over_keep_their_numbers(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"keys{suffix}"
        path.write_text('{"a": "1"}\n\n{"a": "2"}\n{"a": "3"}\n' if suffix == ".jsonl" else "a\n1\n\n2\n3\n")
        with open_records(path) as records:
            for skip in range(4):
                found = [(record.number, record.document) for record in records.records(skip=skip)]
                assert found == [(number, {"a": str(number)}) for number in range(skip + 1, 4)]

    @pytest.mark.parametrize(("name", "expected"), [("a.CSV", FileFormat.CSV), ("a.ndjson", FileFormat.JSONL)])
    def test_names_tell_formats(self, name: str, expected: FileFormat) -> None:
        assert format_of(Path(name)) is expected
        with pytest.raises(TransferRefused, match=r"say --format jsonl or --format csv: keys\.txt tells neither"):
            format_of(Path("keys.txt"))

    def test_a_file_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(TransferRefused, match="cannot be read: No such file"), open_records(tmp_path / "keys.csv"):
            pass


class TestParsingAhead:
    def records(self, count: int) -> Iterator[RawRecord]:
        return (
            RawRecord(number, number, {"key": f"k{number}"} if number % 2 else {}, "") for number in range(1, count + 1)
        )

    async def test_batches_hold_every_record_once_in_order(self) -> None:
        batches = [batch async for batch in parsed_batches(self.records(7), TARGET, 3)]
        assert [batch.last for batch in batches] == [3, 6, 7]
        assert [[record.line for record in batch.records] for batch in batches] == [[1, 3], [5], [7]]
        assert [[rejection.line for rejection in batch.rejections] for batch in batches] == [[2], [4, 6], []]

    async def test_others_get_their_turn_between_stretches_and_not_after_each_record(self) -> None:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        stretches = 8
        await anext(parsed_batches(self.records(stretches * BREATH_RECORDS), TARGET, stretches * BREATH_RECORDS))
        task.cancel()
        assert stretches <= turns < 2 * stretches
