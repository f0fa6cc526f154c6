"""Drawing faults by lot, so that a run can be held again and gone on with after the code has moved."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tools.mutation.mutants import Mutant, find_mutants

__all__ = ["Drawn", "draw"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A fault of the sample."""

    key: str
    """Names it by the text of its line, not by the line's number: other lines may come and go."""
    mutant: Mutant


def draw(tree: Path, folders: list[str], count: int, seed: int) -> list[Drawn]:
    """Return `count` faults, or as many as there are.

    Each has a rank that follows from the seed and its own key alone. So a larger sample holds the smaller one, and a
    change somewhere redraws the faults of the changed lines and no others.
    """
    everything = sorted(_keyed(tree, find_mutants(tree, folders)), key=lambda drawn: _rank(seed, drawn.key))
    return list(islice((drawn for drawn in everything if _is_fault(tree, drawn.mutant)), count))


def _keyed(tree: Path, mutants: list[Mutant]) -> Iterator[Drawn]:
    """Name each fault; of those that would read the same, by their order in the file."""
    lines: dict[str, list[str]] = {}
    seen: Counter[str] = Counter()
    for mutant in mutants:
        if mutant.path not in lines:
            lines[mutant.path] = (tree / mutant.path).read_text(encoding="utf-8").splitlines()
        text = " ".join(lines[mutant.path][mutant.line - 1].split())
        key = f"{mutant.path} | {mutant.operator} | {text}"
        seen[key] += 1
        yield Drawn(f"{key} | {seen[key]}", mutant)


def _rank(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"{seed} {key}".encode()).digest()


def _is_fault(tree: Path, mutant: Mutant) -> bool:
    """Tell whether it changes anything, and into something that at least compiles."""
    source = (tree / mutant.path).read_text(encoding="utf-8")
    planted = mutant.plant(source)
    if planted == source:
        return False
    try:
        return mutant.path.endswith(".sql") or compile(planted, "planted", "exec") is not None
    except SyntaxError:
        return False
