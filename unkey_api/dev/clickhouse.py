"""A private ClickHouse endpoint: chdb behind a small HTTP server, data in its own folder."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from unkey_api.dev.ports import LOOPBACK
from unkey_api.dev.probes import answers_http
from unkey_api.dev.process import ChildSpec, child_process

START_LIMIT = timedelta(seconds=60)  # the engine is half a gigabyte of library; a cold disk takes its time


@dataclass(frozen=True, slots=True)
class ClickHouse:
    """A running endpoint."""

    port: int

    @property
    def url(self) -> str:
        """The `clickhouse.url` setting that reaches it."""
        return f"http://default@{LOOPBACK}:{self.port}/default"


@asynccontextmanager
async def clickhouse(folder: Path, port: int) -> AsyncIterator[ClickHouse]:
    """Run the endpoint on `folder`.

    Raises:
        ChildFailed: It did not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    module = "unkey_api.dev.clickhouse_bridge"
    spec = ChildSpec(
        name="ClickHouse (chdb)",
        command=[sys.executable, "-m", module, "--data", str(folder.resolve() / "data"), "--port", str(port)],
        log=folder / "server.log",
        orphan_signal=signal.SIGKILL,  # parts are complete or absent; there is nothing to lose by it
    )
    async with child_process(spec) as child:
        await child.until_ready(lambda: answers_http(port, "/ping"), within=START_LIMIT)
        yield ClickHouse(port)
