"""Copies of a package with one place broken, to prove that tests would notice."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Mutant(NamedTuple):
    """One way to break the package."""

    name: str
    file: str
    """Within the package."""
    good: str
    """Text that must occur exactly once."""
    bad: str


@contextmanager
def mutated(package: str, mutant: Mutant, folder: Path) -> Iterator[str]:
    """Copy the package below `folder`, break it, and give the name under which the copy can be imported meanwhile."""
    source = Path(str(importlib.import_module(package).__file__)).parent
    name = f"mutant_{mutant.name}"
    copy = folder / name
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for file in copy.rglob("*.py"):
        file.write_text(file.read_text().replace(f"{package}.", f"{name}.").replace(f"{package} ", f"{name} "))
    broken = copy / mutant.file
    text = broken.read_text()
    if text.count(mutant.good) != 1:
        raise ValueError(f"{mutant.name}: {mutant.good!r} occurs {text.count(mutant.good)} times in {mutant.file}")
    broken.write_text(text.replace(mutant.good, mutant.bad))
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield name
    finally:
        sys.path.remove(str(folder))
        for loaded in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
            del sys.modules[loaded]
