"""What a limiter has to answer, written down as plainly as possible: every spend is remembered and added up again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Ask(NamedTuple):
    """One check."""

    workspace_id: str
    namespace: str
    identifier: str
    limit: int
    duration_ms: int
    cost: int

    @property
    def counter(self) -> tuple[str, str, str, int]:
        """What counts together."""
        return (self.workspace_id, self.namespace, self.identifier, self.duration_ms)


class Answer(NamedTuple):
    """What a caller sees."""

    success: bool
    remaining: int
    reset_ms: int


class Model:
    """A limiter of one process that never forgets."""

    def __init__(self) -> None:
        self.spent: list[tuple[tuple[str, str, str, int], int, int]] = []
        """Counter, time, cost."""

    def window(self, counter: tuple[str, str, str, int], number: int) -> int:
        """Return what was spent in a window."""
        first = number * counter[3]
        return sum(cost for what, when, cost in self.spent if what == counter and first <= when < first + counter[3])

    def ask(self, question: Ask, now_ms: int) -> Answer:
        """Answer one check and remember the spend."""
        return self.ask_many([question], now_ms)[0]

    def ask_many(self, questions: Sequence[Ask], now_ms: int) -> list[Answer]:
        """Answer checks that pass or fail together."""
        seen: list[Ask] = []
        answers: list[Answer] = []
        for question in questions:
            seen.append(question)
            duration = question.duration_ms
            number = now_ms // duration
            in_batch = sum(other.cost for other in seen if other.counter == question.counter)
            share = 1.0 - float(now_ms - number * duration) / float(duration)
            previous = int(float(self.window(question.counter, number - 1)) * share)
            total = self.window(question.counter, number) + previous + in_batch
            success = question.limit > 0 and total <= question.limit
            answers.append(Answer(success, question.limit - total if success else 0, (number + 1) * duration))
        if all(answer.success for answer in answers):
            self.spent += [(question.counter, now_ms, question.cost) for question in questions]
            return answers
        return [
            answer._replace(remaining=answer.remaining + question.cost) if answer.success else answer
            for question, answer in zip(questions, answers, strict=True)
        ]
