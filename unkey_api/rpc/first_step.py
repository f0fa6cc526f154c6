"""Finding out whether a call waits for anything at all, before anything is set up for the case that it does."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class FirstStep(Generic[T]):
    """A call that has run until it was over or first had to wait.

    Most calls are answered from memory. What only waiting ones need (a deadline, a watch for the client) is set up
    between the first step and the rest, so that the others do not pay for it:

        step = FirstStep(call)
        if step.finished:
            return step.value
        with whatever_waiting_needs():
            return await step

    Everything runs in the caller's own task. Constructing it raises what the call raised in its first step; one that is
    not finished must be awaited, once.
    """

    __slots__ = ("_rest", "_waited_for", "finished", "value")

    def __init__(self, call: Awaitable[T]) -> None:
        self._rest: Generator[Any, Any, T] = call.__await__()  # Any: what passes between a coroutine and the loop
        self.finished = False
        try:
            self._waited_for = next(self._rest)
        except StopIteration as end:
            self.finished = True
            self.value: T = end.value
            """The outcome; only there once finished."""

    def __await__(self) -> Generator[Any, Any, T]:
        """Run the rest. What the loop sends or throws, a cancellation for instance, reaches the call unchanged."""
        rest, waited_for = self._rest, self._waited_for
        try:
            while True:
                try:
                    answer = yield waited_for
                except BaseException as error:  # noqa: BLE001 - handed on, not handled
                    waited_for = rest.throw(error)
                else:
                    waited_for = rest.send(answer)
        except StopIteration as end:
            outcome: T = end.value
            return outcome
