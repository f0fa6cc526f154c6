"""Which of our files a request crosses, found out by watching one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import unkey_api
from tests.support.http1 import PEER, MemoryTransport
from unkey_api.server.http1.connection import Connection
from unkey_api.server.http1.connections import Connections

ROOT = Path(unkey_api.__file__).parent.parent
PACKAGE = str(ROOT / "unkey_api") + "/"


class Watch:
    """Notes the files of functions that are entered in this thread, in the order of the first time."""

    def __init__(self) -> None:
        self.files: list[str] = []
        """Below the root of the repository."""

    def during(self, work: Callable[[], None]) -> None:
        """Run `work`, which waits for nothing."""
        sys.setprofile(self._enter)
        try:
            work()
        finally:
            sys.setprofile(None)

    def _enter(self, frame: FrameType, event: str, _argument: Any) -> None:  # Any: as the interpreter has it
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(PACKAGE):
            file = str(Path(name).relative_to(ROOT))
            if file not in self.files:
                self.files.append(file)


async def way_of(shared: Connections, request: bytes) -> tuple[list[str], bytes]:
    """Send a request over a connection of its own; return the files it crosses until its answer is queued, and that.

    Queued, because what other connections have to say leaves with it: the loop then hands all of it to the kernel. An
    answer that comes later than that was waited for, and is empty here.
    """
    transport = MemoryTransport(PEER)
    connection = Connection(shared)
    transport.connection = connection
    connection.connection_made(transport)
    watch, over = Watch(), asyncio.Event()

    def arrive() -> None:  # as a callback of the loop, which is what calls protocols
        watch.during(lambda: connection.data_received(request))
        connection.output.flush()
        over.set()

    asyncio.get_running_loop().call_soon(arrive)
    await over.wait()
    return watch.files, b"".join(transport.written)
