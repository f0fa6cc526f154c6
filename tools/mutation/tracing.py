"""Which tests run which lines, and how long each takes; found out once and kept in build/."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData

__all__ = ["DURATIONS", "SUITES", "Trace", "read_trace", "trace"]

FOLDER = Path("build/mutation")
DATA = FOLDER / "coverage"
DURATIONS = FOLDER / "durations.json"
SUITES = ("tests/unit", "tests/contract", "tests/rpc", "tests/integration")
LEFT_OUT = ("tests/rpc/concurrency", "tests/integration/test_cancel_storm", "tests/unit/test_", "tests/integration/dev")
"""Races and storms take minutes; what reads sources as text would notice every fault by its spelling."""
LOADING = re.compile(r'^(\w+)(?::[^=]+)? = load_(?:query|statement)\(__package__, "(\w+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Trace:
    """What was found out."""

    lines: dict[str, dict[int, set[str]]]
    """Tests by line by file."""
    seconds: dict[str, float]
    """How long each test took, its own fixtures included."""

    def tests_for(self, tree: Path, path: str, line: int) -> list[str]:
        """Return the tests that may notice a fault there, the quickest first.

        A line that runs at import is covered by whoever runs any other line of the file; a statement by whoever runs
        the function that sends it.
        """
        if path.endswith(".sql"):
            found = self._of_statement(tree, Path(path))
        else:
            of_file = self.lines.get(path, {})
            found = set(of_file.get(line, ())) or _enclosing(tree / path, of_file, line)
        return sorted(found, key=lambda test: (self.seconds.get(test, 9.0), test))

    def _of_statement(self, tree: Path, path: Path) -> set[str]:
        found: set[str] = set()
        package = path.parent.parent
        for file in sorted((tree / package).glob("*.py")):
            source = file.read_text(encoding="utf-8")
            names = {variable for variable, name in LOADING.findall(source) if name == path.stem}
            of_file = self.lines.get(file.relative_to(tree).as_posix(), {})
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Name) and node.id in names:
                    found |= of_file.get(node.lineno, set())
        return found


def trace() -> int:
    """Run the suites once, noting what they run. Returns pytest's status."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "pytest", "-q", "--timeout=0", "--no-header", "-p", "tools.mutation.plugin"),
        *(word for each in _left_out() for word in ("--ignore", each)),
        *SUITES,
    ]
    return subprocess.call(command, env={**os.environ, "MUTATION_TRACE": str(FOLDER.resolve())})  # noqa: S603 - our own words


def read_trace() -> Trace:
    """Return what `trace` found out. Raises FileNotFoundError when it was never run."""
    if not DATA.exists():
        raise FileNotFoundError(f"{DATA} is missing; run `python -m tools.mutation trace` first")
    data = CoverageData(str(DATA))
    data.read()
    root = Path.cwd()
    lines: dict[str, dict[int, set[str]]] = defaultdict(dict)
    for file in data.measured_files():
        path = Path(file)
        if path.is_relative_to(root):
            contexts = data.contexts_by_lineno(file)
            lines[path.relative_to(root).as_posix()] = {line: _tests(named) for line, named in contexts.items()}
    return Trace(dict(lines), json.loads(DURATIONS.read_text(encoding="utf-8")))


def _tests(contexts: list[str]) -> set[str]:
    return {context for context in contexts if context}


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
