"""Seed many keys through the import command and print the rate: `python -m benchmarks.scale [KEYS] [SECONDS_MAX]`.

Starts a MariaDB of its own in a temporary folder, which goes with it. The file holds hashed keys with names, one in ten
with metadata, an identity, a role and a limit.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson

from unkey_api.apis.service.create import CreateApi
from unkey_api.audit.service import AuditLog
from unkey_api.core.clock import Clock, SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.core.principal import Caller, Principal, SubjectType
from unkey_api.dev.mariadb import mariadb
from unkey_api.dev.ports import free_ports
from unkey_api.infra.mysql import MysqlSettings, open_database, parse_dsn
from unkey_api.infra.mysql.migrations import migrate
from unkey_api.operator.service import OperatorDesk
from unkey_api.projects.service import DefaultProject

KEYS = 1_000_000
SECONDS_MAX = 900
RICH_EVERY = 10
IDENTITIES = 50_000


class Scale(NamedTuple):
    """What a run showed."""

    keys: int
    seconds: float
    file_bytes: int
    finished: bool
    said: str


async def run_scale(keys: int, seconds_max: float, clock: Clock) -> Scale:
    """Import a file of so many keys into an empty database, for at most so long."""
    [port] = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="unkey-scale-") as name:
        folder = Path(name)
        async with mariadb(folder, port, secrets.token_hex(16)) as server:
            config = folder / "unkey.toml"
            config.write_text(
                f'redis_url = "redis://127.0.0.1:1"\n[database]\nprimary = "{server.dsn}"\n'
                '[[auth]]\ntype = "root_key"\n'
            )
            settings = MysqlSettings(primary=parse_dsn(server.dsn))
            await migrate(settings)
            workspace_id = await _make_api(settings, clock)
            file = folder / "keys.jsonl"
            with file.open("wb") as out:
                out.writelines(_lines(keys))
            command = [sys.executable, "-m", "unkey_api", "keys", "import", str(file)]
            command += ["--workspace", workspace_id, "--config", str(config)]
            return await _timed(command, keys, seconds_max, clock, file.stat().st_size)


async def _timed(command: list[str], keys: int, seconds_max: float, clock: Clock, size: int) -> Scale:
    started = clock.monotonic()
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    try:
        async with asyncio.timeout(seconds_max):
            _, said = await process.communicate()
    except TimeoutError:
        process.kill()
        _, said = await process.communicate()
    seconds = clock.monotonic() - started
    return Scale(keys, seconds, size, process.returncode == 0, said.decode().strip())


async def _make_api(settings: MysqlSettings, clock: Clock) -> str:
    ids = RandomIds()
    audit = AuditLog(clock=clock, ids=ids)
    async with open_database(settings, clock=clock) as database:
        desk = OperatorDesk(database, audit=audit, clock=clock, ids=ids, random_bytes=secrets.token_bytes)
        workspace_id = await desk.create_workspace("Scale", "scale")
        principal = Principal(workspace_id, "bench", "bench", SubjectType.SYSTEM, frozenset({"api.*.create_api"}))
        create = CreateApi(database, audit, DefaultProject(clock=clock, ids=ids), clock=clock, ids=ids)
        await create(Caller(principal, "", "", ""), "scale")
    return workspace_id


def _lines(keys: int) -> Iterator[bytes]:
    for number in range(keys):
        digest = hashlib.sha256(b"%d" % number).digest()
        line: dict[str, object] = {"hash": b64encode(digest).decode(), "name": f"key {number}"}
        if number % RICH_EVERY == 0:
            line["meta"] = {"plan": "pro", "number": number}
            line["externalId"] = f"user_{number % IDENTITIES}"
            line["roles"] = ["reader"]
            line["ratelimits"] = [{"name": "requests", "limit": 100, "duration": 60_000}]
        yield orjson.dumps(line) + b"\n"


def main() -> int:
    """Run and print. Returns the exit status."""
    numbers = [int(argument) for argument in sys.argv[1:]]
    keys, seconds_max = (*numbers, *(KEYS, SECONDS_MAX)[len(numbers) :])
    scale = asyncio.run(run_scale(keys, seconds_max, SystemClock()))
    megabytes = scale.file_bytes / 1_000_000
    sys.stdout.write(f"{scale.said}\n")
    if not scale.finished:
        sys.stdout.write(f"not finished within {seconds_max} s\n")
        return 1
    rate = scale.keys / scale.seconds
    sys.stdout.write(
        f"{scale.keys:,} keys ({megabytes:.0f} MB) in {scale.seconds:.1f} s: {rate:,.0f} keys/s, start included\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
