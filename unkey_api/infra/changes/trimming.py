"""Taking old changes out of the log."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from unkey_api.core.changes import LANES
from unkey_api.core.clock import Clock
from unkey_api.core.errors import AppError
from unkey_api.infra.changes import queries
from unkey_api.infra.mysql import WriteConn

KEPT = timedelta(hours=72)
"""How long changes are kept. Who was away for longer begins afresh, with nothing cached."""
EVERY_SECONDS = 600.0
PORTION = 1_000  # rows per statement, so that no lock is held for long

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ChangeTrimming:
    """Removes changes that are older than 72 hours, in the first worker of each host.

    Several hosts may do it at once: each statement removes a range, and what is gone already is no obstacle.
    """

    def __init__(self, primary: WriteConn, clock: Clock, *, share: int) -> None:
        """Take the database and which worker of its host this is; only the first, 0, does anything."""
        self._primary = primary
        self._clock = clock
        self._busy = share == 0
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Have `run` end."""
        self._closing.set()

    async def run(self) -> None:
        """Trim every ten minutes until closed; the first time ten minutes after the start."""
        while not self._closing.is_set():
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._closing.wait()
            except TimeoutError:
                await self._trim_patiently()

    async def trim(self) -> None:
        """Remove everything that is too old. Raises StoreUnavailable."""
        before_ms = self._clock.now_ms() - int(KEPT.total_seconds() * 1_000)
        for lane in range(LANES):
            while await queries.trim(self._primary, lane, before_ms=before_ms, count=PORTION):
                if self._closing.is_set():
                    return

    async def _trim_patiently(self) -> None:
        if not self._busy:
            return
        try:
            await self.trim()
        except AppError as err:
            _log.warning("old changes could not be removed, tried again later", error=err.internal)
