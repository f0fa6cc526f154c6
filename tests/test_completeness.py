"""Every operation that is built proves every outcome that its contract lists.

The contract is the method's policy in proto/. An operation's tests are in `tests/rpc/<area>/test_<method>.py`, or in
several files of which each begins with that name, one class per outcome. What is missing today stands in
`completeness_debt.txt`; that list may only get shorter.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools.operations import Operation, published_operations

TESTS = Path(__file__).resolve().parent
DEBT = TESTS / "completeness_debt.txt"
OUTCOMES = {
    400: "Invalid",
    401: "Unauthenticated",
    403: "Denied",
    404: "NotFound",
    409: "Conflict",
    410: "Gone",
    412: "Precondition",
}
"""What the name of a class says that proves the status; `TestNotFound`, or `TestNotFoundAndDenied` for two at once."""
ONCE_FOR_ALL = {
    429: ("rpc/throttle/test_throttle.py", "TestLimited"),
    500: ("rpc/surface/test_failures.py", "TestDependency"),
}
NEVER_ANSWERED = {
    "liveness.Liveness": {412},  # documented for the sake of SDKs; the operation has no way to fail like that
}


def named(operation: Operation) -> str:
    return f"{operation.area}.{operation.method}"


def classes_in(files: list[Path]) -> list[str]:
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in files)
    return [node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]


def missing_outcomes(operation: Operation) -> set[str]:
    """Return the statuses nobody proves, and `success` when there is no class besides those for failures."""
    folder = TESTS / "rpc" / operation.area
    classes = classes_in(sorted(folder.glob(f"test_{operation.python_name}*.py")))
    expected = set(operation.errors) - ONCE_FOR_ALL.keys() - NEVER_ANSWERED.get(named(operation), set())
    missing = {str(status) for status in expected if not any(OUTCOMES[status] in name for name in classes)}
    if all(any(word in name for word in OUTCOMES.values()) for name in classes):
        missing.add("success")
    return missing


def debt() -> dict[str, set[str]]:
    """Return what may be missing: statuses by operation, `*` for an operation that is still being built."""
    lines = [line.split() for line in DEBT.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return {name: set(statuses) for name, *statuses in lines}


OPERATIONS = {named(operation): operation for operation in published_operations()}


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.built])
def test_every_outcome_has_its_class(name: str) -> None:
    missing, owed = missing_outcomes(OPERATIONS[name]), debt().get(name, set())
    if "*" in owed:
        assert missing, f"{name} is complete: take it off {DEBT.name}"
        return
    assert missing - owed == set(), f"classes missing in tests/rpc for {name}"
    assert owed - missing == set(), f"proven by now: take it off {DEBT.name}"


def test_debt_names_operations_there_are() -> None:
    assert debt().keys() <= OPERATIONS.keys()


@pytest.mark.parametrize("status", sorted(ONCE_FOR_ALL))
def test_outcomes_of_all_operations_are_proven_once(status: int) -> None:
    file, name = ONCE_FOR_ALL[status]
    assert name in classes_in([TESTS / file])


def test_every_documented_status_is_known() -> None:
    documented = {status for operation in OPERATIONS.values() for status in operation.errors}
    assert documented <= OUTCOMES.keys() | ONCE_FOR_ALL.keys()
