"""`unkey-api dev` with a stand-in for the service, as a program: FOLDER PORT."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.dev.command import run_dev
from unkey_api.dev.folder import DevOptions


async def serve(config: Path, stop: asyncio.Event) -> None:
    """Answer 200 to everything until stopped."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    assert config.name == "unkey.toml"
    async with await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[2])):
        await stop.wait()


def say(line: str) -> None:
    """Write a line for the test to read."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main() -> int:
    """Run and return the exit status."""
    options = DevOptions(data_dir=Path(sys.argv[1]), http_port=int(sys.argv[2]), http2_port=0)
    return await run_dev(options, clock=SystemClock(), ids=RandomIds(), say=say, serve=serve)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
