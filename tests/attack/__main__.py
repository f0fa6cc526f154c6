"""Attack a service of its own and print what the victim noticed: `python -m tests.attack`."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any  # answers hold any JSON

import httpx

from benchmarks.machine import choose_cores
from benchmarks.servers import Server, service, stores
from tests.attack import bodies, heads, http2  # noqa: F401 - they register their attacks
from tests.attack.registry import ATTACKS, Target
from tests.attack.run import Bounds, Row, besiege, table
from tests.attack.victim import Victim
from tests.support.served import admin_of
from unkey_api.admin.types import all_permissions
from unkey_api.core.clock import SystemClock
from unkey_api.infra.mysql import MysqlSettings, open_database, parse_dsn

BOUNDS = Bounds(p99_ms=100.0, memory_factor=1.5)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
START, END = "<!-- attacks: written by `make attack WRITE=1` -->\n", "<!-- end of attacks -->\n"


async def ask(base: str, root_key: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Call an operation and return its data."""
    async with httpx.AsyncClient(base_url=base) as client:
        answer = await client.post(path, json=body, headers={"authorization": f"Bearer {root_key}"})
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()["data"]
        return data


@asynccontextmanager
async def besieged(folder: Path) -> AsyncIterator[tuple[Server, Target, Victim]]:
    """Run a service of one worker with two tenants, one of them hostile."""
    cores = choose_cores()
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(stores(folder, core=cores.load))
        server = await stack.enter_async_context(
            service(running.config, cores=(cores.service,), workers=1, log=folder / "service.log")
        )
        dsn = tomllib.loads(running.config.read_text())["database"]["primary"]
        database = await stack.enter_async_context(
            open_database(MysqlSettings(primary=parse_dsn(dsn)), clock=SystemClock(), on_orphan_error=_orphaned)
        )
        keys = []
        for name in ("hostile", "victim"):
            admin = admin_of(database)
            workspace = await admin.create_workspace(name, f"{name}-attacked")
            keys.append((await admin.create_root_key(workspace, name, all_permissions(workspace))).secret.reveal())
        hostile, mine = keys
        api = (await ask(server.url, hostile, "/v2/apis.createApi", {"name": "hostile"}))["apiId"]
        own = (await ask(server.url, mine, "/v2/apis.createApi", {"name": "victim"}))["apiId"]
        key = (await ask(server.url, mine, "/v2/keys.createKey", {"apiId": own}))["key"]
        target = Target(server.port, server.http2_port, hostile, api)
        yield server, target, Victim(server.port, server.http2_port, root_key=mine, key=key)


def _orphaned(_statement: str, error: BaseException) -> None:
    """Raise what a write of this program met after nobody waited for it: it never leaves one alone."""
    raise error


async def attack_all(names: Sequence[str], seconds: float) -> list[Row]:
    """Carry the attacks out and print each row."""
    with tempfile.TemporaryDirectory(prefix="unkey-attack-") as folder:
        async with besieged(Path(folder)) as (server, target, victim):
            return await besiege(target, victim, lambda: server.pids, seconds=seconds, names=names, told=_print)


def _print(row: Row) -> None:
    broken = row.broken(BOUNDS)
    print(
        f"{row.kind:34} {row.name:40} {row.requests:5} requests {len(row.failures):4} failed "
        f"p99 {row.http_p99_ms:6.0f} / {row.grpc_p99_ms:6.0f} ms {row.before_mib:5.0f} -> {row.after_mib:5.0f} MiB"
        + (f"   BROKEN: {'; '.join(broken)}" if broken else ""),
        flush=True,
    )


def main() -> int:
    """Return 1 when a bound was broken."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", help="attacks; all of them when none is named")
    options.add_argument("--seconds", type=float, default=5.0, help="how long each of them lasts")
    options.add_argument("--list", action="store_true", help="print the names and do nothing")
    options.add_argument("--write", action="store_true", help="put the table into docs/operations.md")
    chosen = options.parse_args()
    if chosen.list:
        print("\n".join(ATTACKS))
        return 0
    rows = asyncio.run(attack_all(chosen.names, chosen.seconds))
    if chosen.write:
        text = PAGE.read_text()
        before, after = text.split(START)[0], text.split(END)[1]
        PAGE.write_text(before + START + "\n" + table(rows) + "\n" + END + after)
    broken = [row for row in rows if row.broken(BOUNDS)]
    print(f"{len(rows)} attacks, {len(broken)} beyond the bounds")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
