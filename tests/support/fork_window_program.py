"""A supervisor that is told to stop just when it forks. Prints its exit status and whether a worker is left."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from unkey_api.rpc.health import Health
from unkey_api.server.sockets import bind_workers
from unkey_api.server.supervisor import Supervisor
from unkey_api.server.worker import Served, WorkerOptions


@asynccontextmanager
async def open_app(index: int) -> AsyncIterator[Served]:
    """Open nothing."""
    yield Served(None, Health(), asyncio.Event())


def main() -> None:
    """Run it."""
    os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGTERM))
    supervisor = Supervisor(
        open_app=open_app,
        sockets=bind_workers("127.0.0.1", http_port=0, http2_port=0, workers=1),
        options=WorkerOptions(shutdown_timeout=timedelta(minutes=5)),
        on_ready=lambda: None,
        log=lambda *_, **__: None,
        flush=lambda: None,
    )
    status = supervisor.run()
    try:
        os.waitpid(-1, os.WNOHANG)
        left = True
    except ChildProcessError:
        left = False
    print(status, left)  # noqa: T201 - a program talks to its caller


if __name__ == "__main__":
    main()
