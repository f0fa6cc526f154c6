"""Counting statements, so that tests can pin how many an operation needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from unkey_api.infra.mysql import Mode, Operation


@dataclass(frozen=True, slots=True)
class SeenStatement:
    """One statement as the observer was told."""

    name: str
    mode: Mode
    operation: Operation
    seconds: float
    error: BaseException | None


class StatementRecorder:
    """A `StatementObserver` that remembers while someone is recording.

    What a service does every few seconds by itself does not count: it would appear in whatever test is running.
    """

    BY_ITSELF = ("global_counter_", "change_lane_list", "change_list_after")

    def __init__(self) -> None:
        self._open: list[list[SeenStatement]] = []
        self._then: tuple[str, Callable[[], None]] | None = None
        self.replica_was_asked = False
        """Whether it was asked how far it is in the log of changes."""

    def on_statement(
        self, name: str, mode: Mode, operation: Operation, seconds: float, error: BaseException | None
    ) -> None:
        """Remember it in every open recording."""
        if name.startswith(self.BY_ITSELF):
            self.replica_was_asked |= name == "change_lane_list" and mode == "ro"
            return
        for seen in self._open:
            seen.append(SeenStatement(name, mode, operation, seconds, error))
        if self._then and self._then[0] == name:
            (_, act), self._then = self._then, None
            act()

    def after(self, name: str, act: Callable[[], None]) -> None:
        """Have somebody act once, between the next statement of this name and whatever follows it."""
        self._then = (name, act)

    @contextmanager
    def recording(self) -> Iterator[list[SeenStatement]]:
        """Return the list into which statements go until the block ends, begins and commits included."""
        seen: list[SeenStatement] = []
        self._open.append(seen)
        try:
            yield seen
        finally:
            self._open.remove(seen)
