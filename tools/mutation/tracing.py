"""Which tests run which lines, and how long each takes; found out once and kept in build/."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData

__all__ = ["SUITES", "Trace", "changed_since", "read_trace", "trace"]

FOLDER = Path("build/mutation/trace")
COVERAGE, DURATIONS = "coverage", "durations.json"
SUITES = ("tests/unit", "tests/contract", "tests/rpc", "tests/integration")
LEFT_OUT = ("tests/rpc/concurrency", "tests/integration/test_cancel_storm", "tests/unit/test_", "tests/integration/dev")
"""Races and storms take minutes; what reads sources as text would notice every fault by its spelling."""
LOADING = re.compile(r'^(\w+)(?::[^=]+)? = load_(?:query|statement)\(__package__, "(\w+)"', re.MULTILINE)

MEANINGLESS = {"unkey", "areas", "service", "queries", "find", "list"}


@dataclass(frozen=True, slots=True)
class Trace:
    """What was found out."""

    lines: dict[str, dict[int, set[str]]]
    """Tests by line by file."""
    seconds: dict[str, float]
    """How long each test took, its own fixtures included."""

    def tests_for(self, tree: Path, path: str, line: int) -> list[str]:
        """Return the tests that may notice a fault there: those named alike first, of them the quickest.

        A line that runs at import is covered by whoever runs any other line of the file; a statement by whoever runs
        the function that sends it.
        """
        if path.endswith(".sql"):
            found = self._of_statement(tree, Path(path))
        else:
            of_file = self.lines.get(path, {})
            found = set(of_file.get(line, ())) or _enclosing(tree / path, of_file, line)
        words = {word for word in re.split(r"[/_.]", path) if len(word) >= len("auth")} - MEANINGLESS
        named = f"[{Path(path).stem}"
        return sorted(
            found, key=lambda test: (named not in test, -_shared(test, words), self.seconds.get(test, 9.0), test)
        )

    def _of_statement(self, tree: Path, path: Path) -> set[str]:
        """Return the tests that run a function which sends it, and those that have its name for a parameter."""
        found = {test for test in self.seconds if f"[{path.stem}" in test}
        package = path.parent.parent
        for file in sorted((tree / package).glob("*.py")):
            source = file.read_text(encoding="utf-8")
            names = {variable for variable, name in LOADING.findall(source) if name == path.stem}
            of_file = self.lines.get(file.relative_to(tree).as_posix(), {})
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Name) and node.id in names:
                    found |= of_file.get(node.lineno, set())
        return found


def trace(files: Sequence[str] = ()) -> int:
    """Run the suites once, noting what they run. Returns pytest's status.

    With files, only those are run, and what is known of the others stays.
    """
    folder = FOLDER / (str(time.time_ns()) if files else "0")
    if not files:
        shutil.rmtree(FOLDER, ignore_errors=True)
    folder.mkdir(parents=True)
    suites = files or (*(word for each in _left_out() for word in ("--ignore", each)), *SUITES)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--timeout=0",
        "--no-header",
        "-p",
        "tools.mutation.plugin",
        *suites,
    ]
    return subprocess.call(command, env={**os.environ, "MUTATION_TRACE": str(folder.resolve())})  # noqa: S603 - our own words


def changed_since() -> list[str]:
    """Return the test files that were written after the last run of `trace`."""
    last = max((path.stat().st_mtime for path in FOLDER.glob(f"*/{DURATIONS}")), default=0.0)
    left_out = set(_left_out())
    files = [file for suite in SUITES for file in sorted(Path(suite).rglob("test_*.py"))]
    return [str(file) for file in files if file.stat().st_mtime > last and str(file) not in left_out]


def read_trace() -> Trace:
    """Return what `trace` found out. Raises FileNotFoundError when it was never run."""
    folders = sorted(path.parent for path in FOLDER.glob(f"*/{DURATIONS}"))
    if not folders:
        raise FileNotFoundError(f"{FOLDER} is empty; run `python -m tools.mutation trace` first")
    known = Trace(defaultdict(lambda: defaultdict(set)), {})
    for folder in folders:
        _add(known, folder)
    return known


def _add(known: Trace, folder: Path) -> None:
    """Add what one run found out, in place of what was known of the same test files."""
    seconds = json.loads((folder / DURATIONS).read_text(encoding="utf-8"))
    files = {_file_of(test) for test in seconds}
    stale = {test for test in known.seconds if _file_of(test) in files}
    for of_file in known.lines.values() if stale else ():
        for tests in of_file.values():
            tests.difference_update(stale)
    for test in stale:
        del known.seconds[test]
    known.seconds.update(seconds)
    data = CoverageData(str(folder / COVERAGE))
    data.read()
    for file in data.measured_files():
        for line, contexts in data.contexts_by_lineno(file).items():
            known.lines[file][line] |= {context for context in contexts if context}


def _file_of(test: str) -> str:
    return test.partition("::")[0]


def _shared(test: str, words: set[str]) -> int:
    """Return how many of the words stand in the path of the test."""
    return sum(word in _file_of(test) for word in words)


def _enclosing(file: Path, of_file: dict[int, set[str]], line: int) -> set[str]:
    """Return the tests of the function around a line, or of the whole file."""
    around = [
        node
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    for node in reversed(around):
        found = {test for n in range(node.lineno, (node.end_lineno or 0) + 1) for test in of_file.get(n, ())}
        if found:
            return found
    return {test for tests in of_file.values() for test in tests}


def _left_out() -> list[str]:
    files = [file for suite in SUITES for file in sorted(Path(suite).rglob("test_*.py"))]
    return [file.as_posix() for file in files if file.as_posix().startswith(LEFT_OUT)]
