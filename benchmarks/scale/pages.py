"""How much of an index a page of a listing reads."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.scale.operations import WARM_CALLS, Side
from benchmarks.scale.places import Place
from unkey_api.infra.mysql import Query


@dataclass(frozen=True, slots=True)
class _Reads:
    total: int


_READS = Query(
    "scale_reads",
    "SELECT CAST(SUM(VARIABLE_VALUE) AS SIGNED) AS total FROM information_schema.GLOBAL_STATUS"
    " WHERE VARIABLE_NAME IN ('HANDLER_READ_NEXT', 'HANDLER_READ_KEY', 'HANDLER_READ_FIRST', 'HANDLER_READ_RND_NEXT',"
    " 'HANDLER_ICP_ATTEMPTS')",
    _Reads,
)


async def rows_read(place: Place, side: Side) -> int:
    """Return how many index entries and rows the server looks at for one deep page, on average."""
    own = -await _reads(place) + await _reads(place)
    before = await _reads(place)
    for number in range(WARM_CALLS):
        side.call("listKeys, deep page", number)
    return (await _reads(place) - before - own) // WARM_CALLS


async def _reads(place: Place) -> int:
    found = await place.database.primary.fetch_one(_READS, {})
    return found.total if found else 0
