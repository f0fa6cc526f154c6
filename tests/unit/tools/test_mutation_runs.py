"""Mutation runs: what is drawn, what counts as noticed, and going on where a run was stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

for module in ("cosmic_ray", "coverage"):
    pytest.importorskip(module, reason="only `make mutants` installs it")

from tools.mutation.results import Outcome, Results, Verdict, summary  # noqa: E402 - the packages come first
from tools.mutation.running import CALM, Session, verdict_of  # noqa: E402 - the same
from tools.mutation.sampling import Drawn, draw  # noqa: E402 - the same
from tools.mutation.sessions import Ended, How  # noqa: E402 - the same
from tools.mutation.tracing import Trace  # noqa: E402 - the same

CODE = "def f(a, b):\n    if a < 3 and b > 4:\n        return 1\n    return 2\n"
STATEMENT = "SELECT 1 FROM t WHERE a = %(a)s AND b = 1\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two files with some faults to plant."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "rule.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "code" / "find.sql").write_text(STATEMENT, encoding="utf-8")
    return tmp_path


def keys(sample: Sequence[Drawn]) -> list[str]:
    return [each.key for each in sample]


class TestDrawing:
    def test_the_same_seed_draws_the_same_and_another_something_else(self, tree: Path) -> None:
        assert keys(draw(tree, ["code"], 99, seed=1)) == keys(draw(tree, ["code"], 99, seed=1))
        assert keys(draw(tree, ["code"], 99, seed=1)) != keys(draw(tree, ["code"], 99, seed=2))
        assert sorted(keys(draw(tree, ["code"], 99, seed=1))) == sorted(keys(draw(tree, ["code"], 99, seed=2)))

    def test_a_larger_sample_holds_the_smaller_one(self, tree: Path) -> None:
        assert keys(draw(tree, ["code"], 99, seed=1))[:4] == keys(draw(tree, ["code"], 4, seed=1))

    def test_lines_that_come_and_go_elsewhere_change_nothing(self, tree: Path) -> None:
        before = draw(tree, ["code"], 99, seed=1)
        (tree / "code" / "rule.py").write_text(f'"""What it is."""\n\n{CODE}', encoding="utf-8")
        after = draw(tree, ["code"], 99, seed=1)
        assert keys(after) == keys(before)
        assert [each.mutant.line for each in after] != [each.mutant.line for each in before]

    def test_faults_that_read_alike_have_names_of_their_own(self, tree: Path) -> None:
        (tree / "code" / "rule.py").write_text(CODE + CODE.replace("f(", "g("), encoding="utf-8")
        names = keys(draw(tree, ["code"], 99, seed=1))
        assert len(names) == len(set(names))


def scripted(*ends: Ended) -> tuple[Session, list[tuple[Sequence[str], float]]]:
    left, asked = list(ends), list[tuple[Sequence[str], float]]()

    def hold(tests: Sequence[str], seconds: float) -> Ended:
        asked.append((tests, seconds))
        return left.pop(0)

    return hold, asked


PASSED, OVERDUE = Ended(How.PASSED), Ended(How.OVERDUE)
BROKEN = Ended(How.TROUBLED, "b")
DEAD = Ended(How.TROUBLED)


class TestVerdicts:
    def judge(self, faulty: Session, faultless: Session) -> Verdict:
        return verdict_of([["a", "b"], ["c"]], [1.0, 2.0], faulty, faultless)[0]

    def test_an_assertion_that_does_not_hold_kills(self) -> None:
        faultless, asked = scripted()
        assert self.judge(scripted(Ended(How.REFUTED, "a"))[0], faultless) is Verdict.KILLED
        assert not asked

    def test_what_all_pass_has_survived(self) -> None:
        assert self.judge(scripted(PASSED, PASSED)[0], scripted()[0]) is Verdict.SURVIVED

    def test_what_no_test_covers_is_untested(self) -> None:
        assert verdict_of([], [], scripted()[0], scripted()[0]) == (Verdict.UNTESTED, "")

    @pytest.mark.parametrize("end", [OVERDUE, BROKEN, DEAD], ids=["overdue", "error", "did-not-start"])
    def test_trouble_kills_if_the_same_tests_pass_without_the_fault(self, end: Ended) -> None:
        assert self.judge(scripted(end)[0], scripted(PASSED)[0]) is Verdict.KILLED

    @pytest.mark.parametrize("end", [OVERDUE, BROKEN, DEAD], ids=["overdue", "error", "did-not-start"])
    @pytest.mark.parametrize("without", [OVERDUE, BROKEN, DEAD], ids=["overdue", "error", "did-not-start"])
    def test_trouble_without_the_fault_says_nothing_of_it(self, end: Ended, without: Ended) -> None:
        assert self.judge(scripted(PASSED, end)[0], scripted(without)[0]) is Verdict.UNJUDGED

    def test_what_was_overdue_has_to_pass_in_a_part_of_the_time(self) -> None:
        faulty, given = scripted(OVERDUE)
        faultless, asked = scripted(PASSED)
        self.judge(faulty, faultless)
        assert asked == [(given[0][0], given[0][1] / CALM)]

    def test_only_the_test_that_failed_is_repeated(self) -> None:
        faultless, asked = scripted(PASSED)
        self.judge(scripted(BROKEN)[0], faultless)
        assert [tests for tests, _ in asked] == [["b"]]


def outcome(drawn: Drawn, verdict: Verdict) -> Outcome:
    return Outcome(drawn.key, "code/rule.py:2", verdict, 3, 0.1, "before", "after", "")


class TestGoingOn:
    """Each `Results` reads the file anew, as the next run does."""

    @pytest.fixture
    def results(self, tmp_path: Path) -> Callable[[], Results]:
        return lambda: Results(tmp_path / "kept" / "results-1.json")

    def test_what_was_judged_is_not_judged_again(self, tree: Path, results: Callable[[], Results]) -> None:
        sample = draw(tree, ["code"], 5, seed=1)
        assert results().pending(sample, survivors=False) == sample
        results().add(outcome(sample[1], Verdict.KILLED))
        results().add(outcome(sample[3], Verdict.SURVIVED))
        assert results().pending(sample, survivors=False) == [sample[0], sample[2], sample[4]]
        assert [each.key for each in results().of(sample)] == [sample[1].key, sample[3].key]

    def test_survivors_are_repeated_on_demand(self, tree: Path, results: Callable[[], Results]) -> None:
        sample = draw(tree, ["code"], 3, seed=1)
        for each, verdict in zip(sample, (Verdict.KILLED, Verdict.SURVIVED, Verdict.UNTESTED), strict=True):
            results().add(outcome(each, verdict))
        assert results().pending(sample, survivors=True) == sample[1:]
        results().add(outcome(sample[2], Verdict.KILLED))
        assert [each.verdict for each in results().of(sample)].count(Verdict.KILLED) == 2

    def test_what_could_not_be_judged_is_tried_again(self, tree: Path, results: Callable[[], Results]) -> None:
        sample = draw(tree, ["code"], 1, seed=1)
        results().add(outcome(sample[0], Verdict.UNJUDGED))
        assert results().pending(sample, survivors=False) == sample


def test_the_summary_counts_the_harmless_as_survivors_and_says_why(tree: Path) -> None:
    sample = draw(tree, ["code"], 4, seed=1)
    outcomes = [outcome(each, Verdict.KILLED) for each in sample]
    outcomes[0] = replace(outcomes[0], verdict=Verdict.SURVIVED)
    outcomes[1] = replace(outcomes[1], verdict=Verdict.UNJUDGED, by="no room")
    said = summary(4, outcomes, {sample[0].key: "nobody can tell"})
    assert "= nobody can tell" in said
    assert "? no room" in said
    assert said.endswith("3 of 4 judged; 2 killed, 1 survived, 1 unjudged (1 of them make no difference); killed 66.7%")


class TestWhichTests:
    """Those that would notice it soonest come first: patience ends."""

    SECONDS: ClassVar[dict[str, float]] = {
        "tests/unit/test_other.py::a": 0.1,
        "tests/rpc/test_rule.py::slow": 3.0,
        "tests/rpc/test_rule.py::quick": 0.2,
        "tests/integration/test_sql.py::t[find]": 0.3,
    }

    def test_named_alike_then_quick(self, tree: Path) -> None:
        trace = Trace({"code/rule.py": {2: set(self.SECONDS)}}, self.SECONDS)
        assert trace.tests_for(tree, "code/rule.py", 2) == [
            "tests/rpc/test_rule.py::quick",
            "tests/rpc/test_rule.py::slow",
            "tests/unit/test_other.py::a",
            "tests/integration/test_sql.py::t[find]",
        ]

    def test_a_line_nobody_ran_is_covered_by_who_ran_the_function_around_it(self, tree: Path) -> None:
        trace = Trace({"code/rule.py": {4: {"a"}}}, {"a": 1.0})
        assert trace.tests_for(tree, "code/rule.py", 3) == ["a"]

    def test_a_statement_is_covered_by_who_sends_it_and_who_names_it(self, tree: Path) -> None:
        (tree / "area" / "sql").mkdir(parents=True)
        (tree / "area" / "sql" / "find.sql").write_text(STATEMENT, encoding="utf-8")
        sending = '_FIND = load_query(__package__, "find", row=int)\n\n\ndef find() -> None:\n    send(_FIND)\n'
        (tree / "area" / "queries.py").write_text(sending, encoding="utf-8")
        trace = Trace({"area/queries.py": {5: {"tests/unit/test_other.py::a"}}}, self.SECONDS)
        assert trace.tests_for(tree, "area/sql/find.sql", 1) == [
            "tests/integration/test_sql.py::t[find]",
            "tests/unit/test_other.py::a",
        ]
