"""What is said between the program and its processes: fixed records over pipes."""

from __future__ import annotations

import struct
from typing import NamedTuple

_COMMAND = struct.Struct("<BIQQQII")
_RESULT = struct.Struct("<II")
COMMAND_BYTES = _COMMAND.size
RESULT_BYTES = _RESULT.size

ASK = 0
RUN = 1


class Command(NamedTuple):
    """An order to a process."""

    kind: int
    """ASK: one request at `time_ms`. RUN: `requests` of them, evenly over `span_ms` from `time_ms` on."""
    identifier: int
    limit: int
    duration_ms: int
    time_ms: int
    requests: int = 1
    span_ms: int = 0

    def pack(self) -> bytes:
        """Return the record."""
        return _COMMAND.pack(*self)

    @classmethod
    def unpack(cls, record: bytes) -> Command:
        """Read a record."""
        return cls(*_COMMAND.unpack(record))


def pack_result(asked: int, admitted: int) -> bytes:
    """Return the answer's record."""
    return _RESULT.pack(asked, admitted)


def unpack_result(record: bytes) -> tuple[int, int]:
    """Return requests asked and admitted."""
    asked, admitted = _RESULT.unpack(record)
    return asked, admitted
