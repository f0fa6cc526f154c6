"""Writing down what a transaction changed, as its last two statements.

The lane's row is locked by the first of them and released by the commit: within a lane commits come in the order of
their revisions, and a reader who has seen one has seen all before it. Taken last, the lock cannot close a cycle of
locks; a transaction that has something to say in several lanes takes them in ascending order.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from unkey_api.core.changes import Change, LoggedChange, lane_of
from unkey_api.core.clock import Clock
from unkey_api.infra.mysql.errors import StoreUnavailable
from unkey_api.infra.mysql.ports import WriteConn
from unkey_api.infra.mysql.statement import load_statement

_ADVANCE = load_statement(__package__, "change_lane_advance")
_INSERT = load_statement(__package__, "change_insert")


async def write_changes(tx: WriteConn, changes: Sequence[Change], clock: Clock) -> tuple[LoggedChange, ...]:
    """Give each change its revision and write it. To be followed by the commit and by nothing else.

    Raises:
        StoreUnavailable: The store failed, or a lane has no row.
    """
    logged: list[LoggedChange] = []
    at_ms = clock.now_ms()
    for lane, of_lane in groupby(sorted(changes, key=_lane), key=_lane):
        listed = list(of_lane)
        advanced = await tx.execute(_ADVANCE, {"lane": lane, "count": len(listed)})
        if advanced.affected != 1:
            raise StoreUnavailable(f"lane {lane} of change_lanes has no row; run `unkey-api migrate`")
        first = advanced.last_id - len(listed) + 1
        numbered = [LoggedChange(first + offset, change) for offset, change in enumerate(listed)]
        await tx.execute_many(_INSERT, [_row(lane, each, at_ms) for each in numbered])
        logged += numbered
    return tuple(logged)


def _lane(change: Change) -> int:
    return lane_of(change.workspace_id)


def _row(lane: int, logged: LoggedChange, at_ms: int) -> dict[str, object]:
    change = logged.change
    return {
        "lane": lane,
        "revision": logged.revision,
        "workspace_id": change.workspace_id,
        "scope_id": change.scope_id,
        "kind": int(change.kind),
        "subject": change.subject,
        "at_m": at_ms,
    }
