"""A test session in a process of its own, forked from one that is warm."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from tools.mutation.databases import RUNNING

__all__ = ["Ended", "How", "hold_session"]

LOG, NOTE = "last.log", "last.json"
QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Plugins may be loaded already, by what is loaded before the fork."""
BROKEN = 70
"""Status of a session that could not be held at all."""


class How(Enum):
    """How a session ended."""

    PASSED = auto()
    REFUTED = auto()
    """An assertion of a test did not hold: no slow machine and no store that is away does that."""
    TROUBLED = auto()
    """Anything else went wrong: an exception, a fixture, the session itself."""
    OVERDUE = auto()
    """It took longer than it was given, and was ended."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a session."""

    how: How
    test: str = ""
    """The test that did not pass; empty when none did or none was reached."""


def hold_session(copy: Path, tests: Sequence[str], *, database: str, seconds: float) -> Ended:
    """Run tests until one fails, for so many seconds at most. Nothing of it is left when this returns."""
    (copy / NOTE).unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.environ[RUNNING] = database
        _run_and_exit(copy, tests)
    limit = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended or time.monotonic() > limit:
            break
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # the session itself, or the stores that a failed one left behind
    if not ended:
        os.waitpid(child, 0)
        return Ended(How.OVERDUE)
    return _read(copy, os.waitstatus_to_exitcode(status))


def _read(copy: Path, code: int) -> Ended:
    if code == 0:
        return Ended(How.PASSED)
    try:
        note = json.loads((copy / NOTE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return Ended(How.TROUBLED)
    return Ended(How.REFUTED if note["asserted"] else How.TROUBLED, note["test"])


class _Noting:
    """A pytest plugin: writes down which test was the first that did not pass, and whether by an assertion."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def pytest_exception_interact(self, node: object, call: object) -> None:
        if self._file.exists():
            return
        error = getattr(getattr(call, "excinfo", None), "value", None)
        asserted = isinstance(error, AssertionError) and getattr(call, "when", "") == "call"
        note = {"test": getattr(node, "nodeid", ""), "asserted": asserted}
        self._file.write_text(json.dumps(note), encoding="utf-8")


def _run_and_exit(copy: Path, tests: Sequence[str]) -> None:
    """Become the test session. Never returns."""
    os.chdir(copy)
    log = os.open(str(copy / LOG), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    status = BROKEN
    try:
        import pytest  # noqa: PLC0415 - loaded by the parent

        words = ["-q", "-x", "--no-header", "-p", "no:cacheprovider", *QUIET, f"--rootdir={copy}", *tests]
        status = int(pytest.main(words, plugins=[_Noting(copy / NOTE)]))
    except BaseException:  # noqa: BLE001 - a process of its own has to end here, whatever happened
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
