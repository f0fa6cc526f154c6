"""Planting faults and running the tests that cover them: each in a process of its own, forked from one that is warm."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tools.mutation.databases import RUNNING, Databases
from tools.mutation.mutants import Mutant
from tools.mutation.tracing import Trace

__all__ = ["Outcome", "Verdict", "Worker"]

COPIED = ("unkey_api", "tests", "gen", "tools", "proto", "docs", "deploy", "benchmarks")
LINKED = (
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "constraints.txt",
    "Makefile",
    ".venv",
    "make",
)
QUICK_SECONDS, PATIENT_SECONDS = 5.0, 40.0
"""How much of the covering tests' time is spent on a fault at first, and on one that outlived that."""
ENOUGH = 400
"""No fault is worth more tests than this."""
STARTING_SECONDS = 20.0
QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Plugins may be loaded already, by what is loaded before the fork."""
BROKEN = 70
"""Status of a session that could not be held at all."""
NO_FAULT_OF_THE_CODE = {3, 4, 5, BROKEN}
"""Statuses of pytest that say nothing about the fault: an internal error, words it did not know, no tests."""
SLACK = 6.0
"""A fault may make tests slower; so many times their usual time is waited, then it counts as killed."""


class Verdict(StrEnum):
    """What became of a fault."""

    KILLED = "killed"
    SURVIVED = "survived"
    UNTESTED = "untested"
    """No test covers the line; counts as survived."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A fault and what became of it."""

    mutant: Mutant
    verdict: Verdict
    tests: int
    seconds: float
    before: str
    """The line as it is."""
    after: str
    """The first line that the fault changed."""


class Worker:
    """A copy of the tree in which one fault at a time is planted."""

    def __init__(self, tree: Path, copy: Path, databases: Databases) -> None:
        self._tree = tree
        self._copy = copy
        self._databases = databases
        for name in COPIED:
            shutil.copytree(tree / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
        for name in LINKED:
            (copy / name).symlink_to((tree / name).resolve())

    def judge(self, mutant: Mutant, trace: Trace) -> Outcome:
        """Plant the fault, run tests until one fails, and take it out again."""
        began = time.monotonic()
        source = (self._tree / mutant.path).read_text(encoding="utf-8")
        planted = mutant.plant(source)
        before, after = _difference(source, planted)
        tests = trace.tests_for(self._tree, mutant.path, mutant.line)[:ENOUGH]
        verdict, ran = (Verdict.UNTESTED, 0) if not tests else (Verdict.SURVIVED, 0)
        with self._planted(mutant.path, source, planted):
            for batch in _batches(tests, trace):
                ran += len(batch)
                if not self._passes(batch, sum(trace.seconds.get(test, 1.0) for test in batch)):
                    verdict = Verdict.KILLED
                    break
        return Outcome(mutant, verdict, ran, time.monotonic() - began, before, after)

    @contextmanager
    def _planted(self, path: str, source: str, planted: str) -> Iterator[None]:
        file = self._copy / path
        file.write_text(planted, encoding="utf-8")
        for cached in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
            cached.unlink()  # a copy of the same second and size would be taken for current
        try:
            yield
        finally:
            file.write_text(source, encoding="utf-8")
            for cached in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
                cached.unlink()

    def _passes(self, tests: Sequence[str], usual_seconds: float) -> bool:
        database = "" if all(test.startswith("tests/unit/") for test in tests) else self._databases.take()
        try:
            return self._passes_on(database, tests, usual_seconds)
        finally:
            if database:
                self._databases.give_back(database)

    def _passes_on(self, database: str, tests: Sequence[str], usual_seconds: float) -> bool:
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            os.environ[RUNNING] = database
            _run_and_exit(self._copy, tests)
        limit = time.monotonic() + STARTING_SECONDS + SLACK * usual_seconds
        while True:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                break
            if time.monotonic() > limit:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return False
            time.sleep(0.01)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # stores that a failed session left behind
        code = os.waitstatus_to_exitcode(status)
        if code in NO_FAULT_OF_THE_CODE:
            raise RuntimeError(f"the tests could not be run:\n{(self._copy / 'last.log').read_text()[-2000:]}")
        return code == 0


def _run_and_exit(copy: Path, tests: Sequence[str]) -> None:
    """Become the test session. Never returns."""
    os.chdir(copy)
    sys.path[:0] = [str(copy), str(copy / "gen")]
    log = os.open(str(copy / "last.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    import pytest  # noqa: PLC0415 - loaded by the parent

    status = BROKEN
    try:
        status = int(
            pytest.main(["-q", "-x", "--no-header", "-p", "no:cacheprovider", *QUIET, f"--rootdir={copy}", *tests])
        )
    except BaseException:  # noqa: BLE001 - a process of its own has to end here, whatever happened
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _batches(tests: Sequence[str], trace: Trace) -> Iterator[list[str]]:
    """Return the quick tests, then as many of the others as there is patience for."""
    quick: list[str] = []
    patient: list[str] = []
    spent = 0.0
    for test in tests:
        spent += trace.seconds.get(test, 1.0)
        if spent <= QUICK_SECONDS or not quick:
            quick.append(test)
        elif spent <= PATIENT_SECONDS:
            patient.append(test)
    yield from (batch for batch in (quick, patient) if batch)


def _difference(source: str, planted: str) -> tuple[str, str]:
    old, new = source.splitlines(), planted.splitlines()
    for one, other in zip(old, new, strict=False):
        if one != other:
            return one.strip(), other.strip()
    return (old[-1].strip(), "") if old else ("", "")
