"""What became of the faults so far, in a file: a run is stopped whenever it suits and gone on with later."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from tools.mutation.sampling import Drawn

__all__ = ["GOAL", "Outcome", "Results", "Verdict", "read_equivalents", "summary"]

GOAL = 0.9
"""The share of the sample that tests have to notice."""
EQUIVALENTS = Path(__file__).with_name("equivalent.toml")


class Verdict(StrEnum):
    """What became of a fault."""

    KILLED = "killed"
    SURVIVED = "survived"
    UNTESTED = "untested"
    """No test covers the line; counts as survived."""
    UNJUDGED = "unjudged"
    """Its tests fail without it too, or the machine was too slow for them: says nothing, and is tried again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A fault and what became of it."""

    key: str
    place: str
    """File and line, for people."""
    verdict: Verdict
    tests: int
    """How many were run at most."""
    seconds: float
    before: str
    """The line as it is."""
    after: str
    """The first line that the fault changed."""
    by: str
    """The test that noticed it, or why nothing can be said."""


class Results:
    """The outcomes of one seed, kept in a file from one run to the next."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Outcome] = {}
        if path.exists():
            for each in json.loads(path.read_text(encoding="utf-8")):
                self._known[each["key"]] = Outcome(**{**each, "verdict": Verdict(each["verdict"])})

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome, in place of an older one. On the disk when this returns, whole or not at all."""
        self._known[outcome.key] = outcome
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps([asdict(each) for each in self._known.values()], indent=1), encoding="utf-8")
        beside.replace(self._path)

    def of(self, sample: list[Drawn]) -> list[Outcome]:
        """Return what is known of a sample, in its order."""
        return [self._known[each.key] for each in sample if each.key in self._known]

    def pending(self, sample: list[Drawn], *, survivors: bool) -> list[Drawn]:
        """Return what has no verdict yet; with `survivors` also what survived, for when tests were added since."""
        again = {Verdict.UNJUDGED} | ({Verdict.SURVIVED, Verdict.UNTESTED} if survivors else set())
        return [each for each in sample if each.key not in self._known or self._known[each.key].verdict in again]


def read_equivalents(path: Path = EQUIVALENTS) -> dict[str, str]:
    """Return why a fault makes no difference that anybody could see, by its key."""
    known = tomllib.loads(path.read_text(encoding="utf-8"))
    return {each["fault"]: each["reason"] for each in known.get("equivalent", [])}


def summary(sample: int, outcomes: list[Outcome], equivalents: dict[str, str]) -> str:
    """Return what survived, each with the reason if there is a known one, and the share that was killed.

    What makes no difference counts as survived all the same: the goal leaves room for it.
    """
    verdicts = Counter(each.verdict for each in outcomes)
    lines = []
    for each in outcomes:
        if each.verdict is not Verdict.KILLED:
            lines += [
                f"{each.verdict} {each.place}",
                f"    fault {each.key}",
                f"    - {each.before}",
                f"    + {each.after}",
            ]
            lines += [f"    = {equivalents[each.key]}"] if each.key in equivalents else []
            lines += [f"    ? {each.by}"] if each.verdict is Verdict.UNJUDGED else []
    judged = len(outcomes) - verdicts[Verdict.UNJUDGED]
    share = verdicts[Verdict.KILLED] / judged if judged else 0.0
    explained = sum(
        each.key in equivalents for each in outcomes if each.verdict in {Verdict.SURVIVED, Verdict.UNTESTED}
    )
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    return "\n".join(
        [*lines, f"{judged} of {sample} judged; {counts} ({explained} of them make no difference); killed {share:.1%}"]
    )
