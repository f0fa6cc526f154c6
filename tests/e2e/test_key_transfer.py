"""`unkey-api keys import` and `export` as programs, killed half-way included."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.harness import Harness, configuration
from tests.support.mysql import MysqlServer
from tests.support.transfer import Depot, native, write_lines
from tests.support.waiting import eventually
from unkey_api.infra.mysql import Dsn

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.timeout(120)]


class Shell:
    """Runs the command against the tests' database."""

    def __init__(self, config: Path, depot: Depot) -> None:
        self.config = config
        self.depot = depot

    async def start(self, *arguments: object) -> asyncio.subprocess.Process:
        words = [*map(str, arguments), "--workspace", self.depot.workspace_id, "--config", str(self.config)]
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "unkey_api", "keys", *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: object) -> tuple[int, str, str]:
        process = await self.start(*arguments)
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def shell(api: Harness, mysql_server: MysqlServer, mysql_dsn: Dsn, tmp_path: Path) -> Shell:
    config = tmp_path / "unkey.toml"
    config.write_text(configuration(mysql_server.tcp_dsn(mysql_dsn.database), "redis://127.0.0.1:1"))
    return Shell(config, await Depot.make(api, mysql_dsn, tmp_path))


def many(count: int) -> list[dict[str, Any]]:
    return [{"hash": native(secrets.token_hex(16)), "name": f"key {n}"} for n in range(count)]


async def test_import_killed_half_way_and_resumed_loses_and_repeats_nothing(shell: Shell) -> None:
    depot, lines = shell.depot, many(20_000)
    lines[::500] = [{**line, "surplus": True} for line in lines[::500]]
    path = write_lines(depot.folder / "keys.jsonl", lines)
    for fraction in (2_000, 9_000):
        process = await shell.start("import", path, "--api", depot.api_id)

        async def far_enough(fraction: int = fraction) -> bool:
            return await depot.count() >= fraction

        await eventually(far_enough, within_seconds=30)
        process.send_signal(signal.SIGKILL)
        await process.communicate()
    assert 9_000 <= await depot.count() < 19_960
    status, _, said = await shell.run("import", path, "--api", depot.api_id)
    assert status == 2, said
    assert "19,960 keys imported, " in said
    assert "40 lines rejected" in said.replace("\n", " ")
    stored = await depot.sql(f"SELECT hash FROM `keys` WHERE workspace_id = '{depot.workspace_id}'")
    assert sorted(row[0] for row in stored) == sorted(line["hash"] for line in lines if "surplus" not in line)
    rejects = [json.loads(line) for line in (depot.folder / "keys.jsonl.rejects.jsonl").read_text().splitlines()]
    assert [r["line"] for r in rejects] == list(range(1, 20_001, 500))


async def test_dry_run_export_and_exit_statuses(shell: Shell) -> None:
    depot, lines = shell.depot, many(3)
    path = write_lines(depot.folder / "keys.jsonl", lines)
    status, _, said = await shell.run("import", path, "--dry-run")
    assert (status, await depot.count()) == (0, 0)
    assert "3 keys can be imported" in said
    assert (await shell.run("import", path))[0] == 0
    target = depot.folder / "out.jsonl"
    assert (await shell.run("export", target))[0] == 0
    assert sorted(json.loads(line)["hash"] for line in target.read_text().splitlines()) == sorted(
        line["hash"] for line in lines
    )
    assert target.stat().st_mode & 0o077 == 0
    status, out, _ = await shell.run("export", "-", "--format", "csv")
    assert (status, len(out.splitlines())) == (0, 4)


async def test_what_cannot_work_is_said_in_one_sentence(shell: Shell) -> None:
    path = write_lines(shell.depot.folder / "keys.jsonl", many(1))
    status, _, said = await shell.run("import", path, "--migration", "nope")
    assert status == 1
    assert "create-migration" in said
    assert (await shell.run("create-migration", f"mig_{secrets.token_hex(4)}"))[0] == 0
    status, _, said = await shell.run("import", path, "--journal", shell.depot.folder / "nowhere" / "journal")
    assert (status, "cannot be used" in said.replace("\n", " ")) == (1, True)
    status, _, said = await shell.run("import", shell.depot.folder / "absent.jsonl")
    assert (status, "cannot be read" in said.replace("\n", " ")) == (1, True)
    assert "Traceback" not in said
