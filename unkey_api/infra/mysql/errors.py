"""What can go wrong when a statement runs, and what an error of the driver means.

    AppError
    ├── DuplicateKey       a unique index refused the row; the caller decides what that means
    ├── StoreUnavailable   everything else the store or the way to it did; never a denial, never "not found"
    │   ├── BeginFailed    a transaction could not be started
    │   └── CommitFailed   a transaction could not be committed
    └── RowMismatch        a statement and its row class disagree: a bug of ours

No driver exception leaves `infra.mysql`: `translate` says what it becomes, and whether its connection survived.
"""

from __future__ import annotations

import re
from typing import ClassVar

from pymysql.constants import ER

from unkey_api.core.errors import AppError, ServiceUnavailable, Unexpected


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


DEADLOCK = 1213
LOCK_WAIT_TIMEOUT = 1205
TOO_MANY_CONNECTIONS = 1040
CHANGED_SINCE_READ = 1020
"""Of a MariaDB whose `innodb_snapshot_isolation` is on: like a deadlock, the transaction has to begin anew."""
DUPLICATE_ENTRY = 1062
LOST = frozenset({2006, 2013, 2055, 1053, 1927, 4031})
"""The connection ended under a statement: gone, lost, shut down, killed, idle for too long."""
UNREACHABLE = frozenset({2002, 2003, 2005})
"""There was no connection to begin with."""
TRANSIENT = LOST | UNREACHABLE | {DEADLOCK, LOCK_WAIT_TIMEOUT, TOO_MANY_CONNECTIONS, CHANGED_SINCE_READ}

# Their texts name tables, columns, users and hosts, never stored values; other texts may quote a secret.
_TEXT_IS_SAFE = TRANSIENT | {1044, 1045, 1049, 1054, 1091, 1142, 1146, 1290, 1317, 1364, 1406, 1969, 2026, 3024}

_DUPLICATE_INDEX = re.compile(r"for key '(?:[^']*\.)?([^'.]+)'$")
_NAMES = {number: name for name, number in vars(ER).items() if isinstance(number, int)}


def translate(err: Exception, *, sent: bool) -> tuple[AppError, bool]:
    """Return our error for a driver's, and whether the connection may be used again.

    `sent` tells that a statement was on its way, so that with a broken connection its outcome is unknown.
    """
    errno, text = _parts(err)
    if errno == DUPLICATE_ENTRY:
        found = _DUPLICATE_INDEX.search(text)
        return DuplicateKey(found[1] if found else ""), True
    from_server = 1000 <= errno < 2000 or errno >= 3000
    healthy = from_server and errno not in LOST
    fault = StoreUnavailable(
        f"mysql error {errno} {_NAMES.get(errno, type(err).__name__)}"
        + (f": {text}" if errno in _TEXT_IS_SAFE else ""),
        errno=errno,
        transient=errno in TRANSIENT or isinstance(err, ConnectionError | TimeoutError),
        outcome_unknown=sent and not healthy,
    )
    return fault, healthy


def _parts(err: Exception) -> tuple[int, str]:
    """Return the error's number, 0 if it has none, and its text."""
    if err.args and isinstance(err.args[0], int) and not isinstance(err, OSError):
        return err.args[0], str(err.args[1]) if len(err.args) > 1 else ""
    return 0, str(err)
