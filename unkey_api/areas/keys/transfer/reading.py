"""Records of a file, one after the other, in memory that does not grow with the file."""

from __future__ import annotations

import csv
import fcntl
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import orjson

from unkey_api.areas.keys.transfer.types import FileFormat, RawRecord, TransferRefused

LINE_BYTES_MAX = 1_048_576  # sixteen times the largest metadata
EDGE_BYTES = 65_536


class RecordFile:
    """An open file of records."""

    def __init__(self, source: BinaryIO, path: Path, file_format: FileFormat) -> None:
        self._source = source
        self._format = file_format
        self.size = path.stat().st_size
        self.consumed = 0
        """Bytes read so far."""

    def fingerprint(self) -> str:
        """Return what tells this file from another: its size and a digest of both its ends."""
        self._source.seek(0)
        digest = hashlib.sha256(self._source.read(EDGE_BYTES))
        self._source.seek(max(0, self.size - EDGE_BYTES))
        digest.update(self._source.read(EDGE_BYTES))
        self._source.seek(0)
        return f"{self.size}:{digest.hexdigest()}"

    def records(self, *, skip: int = 0) -> Iterator[RawRecord]:
        """Yield the records after the first `skip`. Blank lines are none."""
        self._source.seek(0)
        self.consumed = 0
        records = self._json_lines(skip) if self._format is FileFormat.JSONL else self._csv_rows(skip)
        return (record for record in records if record.number > skip)

    def _lines(self) -> Iterator[bytes]:
        while line := self._source.readline(LINE_BYTES_MAX):
            self.consumed += len(line)
            yield line
            while len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):  # the rest of a monster
                line = self._source.readline(LINE_BYTES_MAX)
                self.consumed += len(line)

    def _json_lines(self, skip: int) -> Iterator[RawRecord]:
        index = 0
        for number, line in enumerate(self._lines(), start=1):
            if not line.strip():
                continue
            index += 1
            yield _json_record(index, number, line) if index > skip else RawRecord(index, number, {}, "")

    def _csv_rows(self, skip: int) -> Iterator[RawRecord]:
        csv.field_size_limit(LINE_BYTES_MAX)
        # Bytes that are not UTF-8 become lone surrogates, which the parser refuses in the record they are in.
        reader = csv.reader((line.decode("utf-8", "surrogateescape") for line in self._lines()), strict=True)
        index, header = 0, None
        while True:
            try:
                row = next(reader, None)
            except csv.Error as err:
                raise TransferRefused(
                    f"line {reader.line_num} is not CSV: {err}; nothing after it can be read"
                ) from err
            if row is None:
                return
            if not row:
                continue
            if header is None:
                header = [name.strip().removeprefix("\ufeff") for name in row]
                continue
            index += 1
            problem = "" if len(row) == len(header) else f"has {len(row)} fields, the header has {len(header)}"
            document = {} if problem or index <= skip else dict(zip(header, row, strict=True))
            yield RawRecord(index, reader.line_num, document, problem)


@contextmanager
def open_records(path: Path, file_format: FileFormat | None = None) -> Iterator[RecordFile]:
    """Open a file and keep other imports off it. The format follows from the name unless it is given.

    Raises:
        TransferRefused: It cannot be read, another import is reading it, or its name says nothing.
    """
    chosen = file_format or format_of(path)
    try:
        source = path.open("rb")
    except OSError as err:
        raise TransferRefused(f"{path} cannot be read: {err.strerror}") from err
    with source:
        try:
            fcntl.flock(source, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise TransferRefused(f"{path} is being imported by another process") from err
        yield RecordFile(source, path, chosen)


def format_of(path: Path) -> FileFormat:
    """Return the format a file name stands for. Raises TransferRefused when it stands for none."""
    match path.suffix.lower():
        case ".csv":
            return FileFormat.CSV
        case ".jsonl" | ".ndjson" | ".json":
            return FileFormat.JSONL
        case _:
            raise TransferRefused(f"say --format jsonl or --format csv: {path.name} tells neither")


def _json_record(index: int, number: int, line: bytes) -> RawRecord:
    if len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):
        return RawRecord(index, number, {}, f"is longer than {LINE_BYTES_MAX} bytes")
    try:
        document: object = orjson.loads(line)
    except orjson.JSONDecodeError as err:
        return RawRecord(index, number, {}, f"is not JSON: {err}")
    if not isinstance(document, Mapping):
        return RawRecord(index, number, {}, "is not a JSON object")
    return RawRecord(index, number, document, "")
