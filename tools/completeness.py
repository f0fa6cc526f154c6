"""Say which outcomes of which operations have no test, and take done ones off tests/completeness_debt.txt.

    python -m tools.completeness

The contract is the method's policy in proto/. An operation's tests are in `tests/rpc/<area>/test_<method>.py`, or in
several files of which each begins with that name, one class per outcome.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from tools.operations import Operation, published_operations

__all__ = [
    "BEING_BUILT",
    "DEBT",
    "ONCE_FOR_ALL",
    "OUTCOMES",
    "TESTS",
    "classes_in",
    "debt",
    "missing_outcomes",
    "name_of",
]

TESTS = Path(__file__).resolve().parent.parent / "tests"
DEBT = TESTS / "completeness_debt.txt"
OUTCOMES = {
    400: "Invalid",
    401: "Unauthenticated",
    403: "Denied",
    404: "NotFound",
    409: "Conflict",
    410: "Gone",
    412: "Precondition",
    422: "Unprocessable",
    503: "Unavailable",
}
"""What the name of a class says that proves the status; `TestNotFound`, or `TestNotFoundAndDenied` for two at once."""
ONCE_FOR_ALL = {
    429: ("rpc/throttle/test_throttle.py", "TestLimited"),
    500: ("rpc/surface/test_failures.py", "TestDependency"),
}
"""File and class that prove the status for every operation."""
NEVER_ANSWERED = {
    "liveness.Liveness": {412},  # documented for the sake of SDKs; the operation has no way to fail like that
}
BEING_BUILT = "*"
"""In the list: anything may be missing."""


def name_of(operation: Operation) -> str:
    """Return the name of an operation in the list."""
    return f"{operation.area}.{operation.method}"


def classes_in(files: Iterable[Path]) -> list[str]:
    """Return the names of all test classes."""
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in files)
    return [node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]


def missing_outcomes(operation: Operation) -> set[str]:
    """Return the statuses nobody proves, and `success` when there is no class besides those for failures."""
    folder = TESTS / "rpc" / operation.area
    classes = classes_in(sorted(folder.glob(f"test_{operation.python_name}*.py")))
    expected = set(operation.errors) - ONCE_FOR_ALL.keys() - NEVER_ANSWERED.get(name_of(operation), set())
    missing = {str(status) for status in expected if not any(OUTCOMES[status] in name for name in classes)}
    if all(any(word in name for word in OUTCOMES.values()) for name in classes):
        missing.add("success")
    return missing


def debt() -> dict[str, set[str]]:
    """Return what may be missing: statuses by operation."""
    lines = [line.split() for line in DEBT.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return {name: set(statuses) for name, *statuses in lines}


def main() -> None:
    """Shorten the list. What is missing and not on it is printed, never added."""
    missing = {
        name_of(each): missing_outcomes(each) if each.built else {BEING_BUILT} for each in published_operations()
    }
    lines = [line for line in DEBT.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    for name, owed in debt().items():
        left = missing.get(name, set())
        if BEING_BUILT not in owed:
            left = left & owed
        elif left:
            left = {BEING_BUILT}
        if left:
            lines.append(f"{name} {' '.join(sorted(left))}")
    DEBT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, statuses in missing.items():
        new = statuses - debt().get(name, set())
        if new and BEING_BUILT not in debt().get(name, set()):
            print(f"{name}: no test class for {', '.join(sorted(new))}")


if __name__ == "__main__":
    main()
