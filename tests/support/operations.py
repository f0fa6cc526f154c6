"""The operation a test file is about."""

from __future__ import annotations

from pathlib import Path

from tools.operations import Operation, published_operations


def operation_of(file: str) -> Operation:
    """Return the operation that `tests/rpc/<area>/test_<method>.py` is called after."""
    area, method = Path(file).parent.name, Path(file).stem.removeprefix("test_")
    return next(each for each in published_operations() if (each.area, each.python_name) == (area, method))
