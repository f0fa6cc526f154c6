"""Planting faults in a copy of the tree and running the tests that cover them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tools.mutation.results import Outcome, Verdict
from tools.mutation.sampling import Drawn
from tools.mutation.sessions import Ended, How, hold_session
from tools.mutation.tracing import Trace

__all__ = ["Places", "Worker", "verdict_of"]

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
SLACK = 6.0
"""A fault may make tests slower; so many times their usual time is waited."""
CALM = 3.0
"""Tests that did not end count as held up by the fault when without it they end in this part of the time they had."""


class Places(Protocol):
    """Where databases come from."""

    def take(self) -> str:
        """Return where a fresh one is."""

    def give_back(self, given: str) -> None:
        """Have it dropped."""


class Session(Protocol):
    """Runs tests for so many seconds at most: on the fault, or without it."""

    def __call__(self, tests: Sequence[str], seconds: float) -> Ended: ...


def verdict_of(
    batches: Sequence[Sequence[str]], seconds: Sequence[float], faulty: Session, faultless: Session
) -> tuple[Verdict, str]:
    """Return what the tests say of a fault, and which of them.

    An assertion that does not hold kills it. Anything else that went wrong may be the machine's doing: it kills only if
    the same tests pass without the fault right afterwards, and those that were overdue in a third of the time.
    """
    for tests, usual in zip(batches, seconds, strict=True):
        limit = STARTING_SECONDS + SLACK * usual
        ended = faulty(tests, limit)
        if ended.how is How.PASSED:
            continue
        if ended.how is How.REFUTED:
            return Verdict.KILLED, ended.test
        overdue = ended.how is How.OVERDUE
        same = [ended.test] if ended.test in tests else tests
        if faultless(same, limit / CALM if overdue else limit).how is How.PASSED:
            return Verdict.KILLED, ended.test or ("held up" if overdue else "did not start")
        return Verdict.UNJUDGED, f"does not pass without the fault either: {', '.join(same[:3])}"
    return (Verdict.SURVIVED if batches else Verdict.UNTESTED), ""


class Worker:
    """A copy of the tree in which one fault at a time is planted."""

    def __init__(self, tree: Path, copy: Path, databases: Places) -> None:
        self._copy = copy
        self._databases = databases
        for name in COPIED:
            shutil.copytree(tree / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
        for name in LINKED:
            (copy / name).symlink_to((tree / name).resolve())

    def judge(self, drawn: Drawn, trace: Trace) -> Outcome:
        """Plant the fault, run tests until one fails, and take it out again."""
        began, mutant = time.monotonic(), drawn.mutant
        source = (self._copy / mutant.path).read_text(encoding="utf-8")
        planted = mutant.plant(source)

        def faulty(tests: Sequence[str], seconds: float) -> Ended:
            with self._planted(mutant.path, source, planted):
                return self._hold(tests, seconds)

        tests = trace.tests_for(self._copy, mutant.path, mutant.line)[:ENOUGH]
        batches = list(_batches(tests, trace))
        usual = [sum(trace.seconds.get(test, 1.0) for test in batch) for batch in batches]
        verdict, by = verdict_of(batches, usual, faulty, self._hold)
        spent = round(time.monotonic() - began, 1)
        place, (before, after) = f"{mutant.path}:{mutant.line}", _difference(source, planted)
        return Outcome(drawn.key, place, verdict, sum(map(len, batches)), spent, before, after, by)

    @contextmanager
    def _planted(self, path: str, source: str, planted: str) -> Iterator[None]:
        file = self._copy / path
        file.write_text(planted, encoding="utf-8")
        _forget_compiled(file)
        try:
            yield
        finally:
            file.write_text(source, encoding="utf-8")
            _forget_compiled(file)

    def _hold(self, tests: Sequence[str], seconds: float) -> Ended:
        database = "" if all(test.startswith("tests/unit/") for test in tests) else self._databases.take()
        try:
            return hold_session(self._copy, tests, database=database, seconds=seconds)
        finally:
            if database:
                self._databases.give_back(database)


def _forget_compiled(file: Path) -> None:
    """Remove what was compiled from it: it would be taken for current, being of the same second and size."""
    for cached in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        cached.unlink()


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
