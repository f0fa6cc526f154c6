"""Every operation that is built proves every outcome that its contract lists.

What is missing today stands in `completeness_debt.txt`; that list may only get shorter.
"""

from __future__ import annotations

import pytest

from tools.completeness import (
    BEING_BUILT,
    DEBT,
    ONCE_FOR_ALL,
    OUTCOMES,
    TESTS,
    classes_in,
    debt,
    missing_outcomes,
    name_of,
)
from tools.operations import published_operations

OPERATIONS = {name_of(operation): operation for operation in published_operations()}


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.built])
def test_every_outcome_has_its_class(name: str) -> None:
    missing, owed = missing_outcomes(OPERATIONS[name]), debt().get(name, set())
    if BEING_BUILT in owed:
        assert missing, f"{name} is complete: `make docs` takes it off {DEBT.name}"
        return
    assert missing - owed == set(), f"classes missing in tests/rpc for {name}"
    assert owed - missing == set(), f"proven by now: `make docs` takes it off {DEBT.name}"


def test_debt_names_operations_there_are() -> None:
    assert debt().keys() <= OPERATIONS.keys()


@pytest.mark.parametrize("status", sorted(ONCE_FOR_ALL))
def test_outcomes_of_all_operations_are_proven_once(status: int) -> None:
    file, name = ONCE_FOR_ALL[status]
    assert name in classes_in([TESTS / file])


def test_every_documented_status_is_known() -> None:
    documented = {status for operation in OPERATIONS.values() for status in operation.errors}
    assert documented <= OUTCOMES.keys() | ONCE_FOR_ALL.keys()
