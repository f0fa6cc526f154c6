"""A MariaDB for many test sessions, and a fresh database for each: made ahead, while the one before is in use.

    python -m tools.mutation.databases FOLDER

Prints where a database is, a line of JSON each; takes the names of those that are done with, and drops them.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import IO, cast

__all__ = ["RUNNING", "Databases"]

RUNNING = "TESTS_MYSQL"
"""Environment variable in which tests/support/mysql.py looks for a server that runs."""
AHEAD = 3


class Databases:
    """The program, from outside."""

    def __init__(self, tree: Path, folder: Path) -> None:
        command = [sys.executable, "-m", "tools.mutation.databases", str(folder)]
        self._process = subprocess.Popen(  # noqa: S603 - our own words
            command, cwd=tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._made = cast("IO[str]", self._process.stdout)  # pipes, since pipes were asked for
        self._done = cast("IO[str]", self._process.stdin)  # the same

    def take(self) -> str:
        """Return where a fresh database is, as JSON. Waits for it."""
        return self._made.readline().strip()

    def give_back(self, given: str) -> None:
        """Have it dropped."""
        self._done.write(json.loads(given)["database"] + "\n")
        self._done.flush()

    def close(self) -> None:
        """End the server."""
        self._done.close()
        self._process.wait()


def main() -> None:
    """Serve until nobody takes any more."""
    # Not for whoever plants faults: what is imported there stays as it is.
    from tests.support.mysql import run_server, run_sql, settings_for  # noqa: PLC0415
    from unkey_api.infra.mysql.migrations import migrate  # noqa: PLC0415

    async def make(name: str) -> None:
        await run_sql(server.dsn(), f"CREATE DATABASE {name}")
        await migrate(settings_for(server.dsn(name)))

    folder = Path(sys.argv[1])
    folder.mkdir()
    with run_server(folder) as server:
        for number in count():
            name = f"unkey_{number}"
            asyncio.run(make(name))
            place = {"port": server.port, "socket": str(server.socket), "pid": server.pid, "database": name}
            print(json.dumps(place), flush=True)
            if number >= AHEAD:
                done = sys.stdin.readline().strip()
                if not done:
                    return
                asyncio.run(run_sql(server.dsn(), f"DROP DATABASE {done}"))


if __name__ == "__main__":
    main()
