"""The service as a child of `unkey-api dev`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from unkey_api.dev.command import in_child, reach_loopback_directly
from unkey_api.dev.process import ChildFailed

pytestmark = pytest.mark.integration

RECORD = (
    "import os, sys, time; file = sys.argv[2]\n"
    "open(file + '.new', 'w').write(str(os.getpid())); os.rename(file + '.new', file)\n"
    "time.sleep(600)"
)


async def test_it_runs_until_stopped(tmp_path: Path) -> None:
    stop = asyncio.Event()
    config = tmp_path / "file"
    serving = asyncio.ensure_future(in_child([sys.executable, "-c", RECORD])(config, stop))
    await eventually(config.exists)
    pid = int(config.read_text())
    os.kill(pid, 0)
    stop.set()
    await serving
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_service_that_fails_is_reported(tmp_path: Path) -> None:
    serve = in_child([sys.executable, "-c", "import sys; sys.exit(3)"])
    with pytest.raises(ChildFailed, match="ended with status 3"):
        await serve(tmp_path / "file", asyncio.Event())


async def test_cancelling_ends_it(tmp_path: Path) -> None:
    config = tmp_path / "file"
    serving = asyncio.ensure_future(in_child([sys.executable, "-c", RECORD])(config, asyncio.Event()))
    await eventually(config.exists)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    with pytest.raises(ProcessLookupError):
        os.kill(int(config.read_text()), 0)


def test_a_proxy_is_kept_away_from_the_stores() -> None:
    environment = {"NO_PROXY": "example.com"}
    reach_loopback_directly(environment)
    assert environment == {"NO_PROXY": "example.com,127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
