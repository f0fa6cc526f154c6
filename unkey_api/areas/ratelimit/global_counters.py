"""The table through which regions share counts."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.areas.ratelimit.engine.regions import RegionCount, WindowTotals
from unkey_api.infra.mysql.ports import ReadConn, WriteConn
from unkey_api.infra.mysql.statement import load_query, load_statement

UPSERT = load_statement(__package__, "global_counter_upsert")
DELETE_EXPIRED = load_statement(__package__, "global_counter_delete_expired")
LIST_LIVE = load_query(__package__, "global_counter_list_live", row=WindowTotals)


class SqlGlobalCounters:
    """`ratelimit_global_counters`, seen from one region. Satisfies `engine.regions.GlobalCounters`."""

    def __init__(self, replica: ReadConn, primary: WriteConn, *, region: str) -> None:
        """Use `region` as this node's region tag.

        Raises:
            ValueError: `region` is empty; its rows would be taken for another region's.
        """
        if not region:
            raise ValueError("the region tag is empty")
        self._replica = replica
        self._primary = primary
        self._region = region

    async def push(self, counts: Sequence[RegionCount], *, now_ms: int) -> None:
        """Store this region's counts, never lowering one."""
        await self._primary.execute_many(UPSERT, [self._row(count, now_ms) for count in counts])

    async def pull(self, *, now_ms: int) -> Sequence[WindowTotals]:
        """Return the totals of every window that still counts."""
        return await self._replica.fetch_all(LIST_LIVE, {"region": self._region, "now_ms": now_ms})

    async def trim(self, *, now_ms: int, at_most: int) -> int:
        """Take out up to `at_most` windows that are over, of any region; return how many went."""
        return (await self._primary.execute(DELETE_EXPIRED, {"now_ms": now_ms, "at_most": at_most})).affected

    def _row(self, count: RegionCount, now_ms: int) -> dict[str, object]:
        return {
            "workspace_id": count.workspace_id,
            "namespace": count.namespace,
            "identifier": count.identifier,
            "duration_ms": count.duration_ms,
            "sequence": count.sequence,
            "region": self._region,
            "count": count.count,
            "expires_at": count.expires_at_ms,
            "updated_at": now_ms,
        }
