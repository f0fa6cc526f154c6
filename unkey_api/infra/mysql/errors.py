"""What can go wrong when a statement runs.

    AppError
    ├── DuplicateKey       a unique index refused the row; the caller decides what that means
    ├── StoreUnavailable   everything else the store or the way to it did; never a denial, never "not found"
    │   ├── BeginFailed    a transaction could not be started
    │   └── CommitFailed   a transaction could not be committed
    └── RowMismatch        a statement and its row class disagree: a bug of ours

No driver exception leaves `infra.mysql`.
"""

from __future__ import annotations

from typing import ClassVar

from unkey_api.core.errors import ServiceUnavailable, Unexpected


class DuplicateKey(Unexpected):
    """A unique index refused the row. Nothing was written by the statement; it is never retried."""

    def __init__(self, index: str) -> None:
        super().__init__("An entry with the same key exists.", internal=f"duplicate entry for index {index}")
        self.index = index
        """Name of the index as in the table definition, without the table's name."""


class StoreUnavailable(ServiceUnavailable):
    """MySQL did not do it. Whoever wraps it writes `raise … from err`, so that a transaction can still be replayed."""

    sentence: ClassVar[str] = "The database is temporarily unavailable."
    """What the caller is told."""

    def __init__(
        self,
        internal: str,
        *,
        errno: int = 0,
        transient: bool = False,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(self.sentence, internal=internal)
        self.errno = errno
        """The server's or client library's error number; 0 when there is none."""
        self.transient = transient
        """Trying again may help: deadlock, lock wait, too many connections, a lost or refused connection."""
        self.outcome_unknown = outcome_unknown
        """The connection broke after the statement was sent: it may or may not have taken effect."""


class BeginFailed(StoreUnavailable):
    """Nothing was done."""

    sentence = "Unable to start database transaction."


class CommitFailed(StoreUnavailable):
    """Nothing was done, unless `outcome_unknown`."""

    sentence = "Unable to commit database transaction."


class RowMismatch(Unexpected):
    """The columns or values of a result do not fit the row class of the query."""

    def __init__(self, query: str, problem: str) -> None:
        super().__init__("An unexpected error occurred.", internal=f"query {query}: {problem}")
