"""Every condition of every statement: asked for what is there, for what is somebody else's, for what was deleted.

A statement is sent as its file says, in a transaction that is rolled back. What it finds or changes is counted.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import pytest

import unkey_api
from tests.integration.statements.asked import ASKED, Asked
from tests.integration.statements.world import DELETING, World, rows_of
from tools.mutation.conditions import DROP_CONDITION, sql_places
from unkey_api.infra.mysql import Dsn, DuplicateKey, Statement, StoreUnavailable, load_statement
from unkey_api.infra.mysql.driver import Answer, DriverConnection, connect
from unkey_api.infra.mysql.sql_text import sql_literal

pytestmark = pytest.mark.integration
ROOT = Path(unkey_api.__file__).parent
AREAS = ("areas/identities", "areas/keys", "areas/permissions", "areas/rootkeys", "auth")
FILES = {file.stem: file for area in AREAS for file in (ROOT / area).rglob("sql/*.sql")}

LOCK = re.compile(r"FOR UPDATE|LOCK IN SHARE MODE")
LOCKED = "1205|3572"
"""How MariaDB and MySQL say that a row is locked."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Two workspaces and connections to where they are."""

    connection: DriverConnection
    beside: DriverConnection
    """Somebody else's, who would change what is locked."""
    mine: World
    other: World

    async def ask(
        self,
        asked: Asked,
        statement: Statement,
        *,
        foreign: str = "",
        deleted: str = "",
        meanwhile: Statement | None = None,
    ) -> Answer:
        """Send the statement, with a parameter that is foreign, or after something was deleted.

        Somebody beside sends `meanwhile` before the transaction ends.
        """
        values: dict[str, object] = dict(asked.given)
        for name, about in asked.names.items():
            world = self.other if name == foreign else self.mine
            values[name] = getattr(world, about) if isinstance(about, str) else [getattr(world, each) for each in about]
        text = statement.template.render(values, sql_literal)
        names = {name: sql_literal(value) for name, value in asdict(self.mine).items()}
        await self.connection.run("BEGIN")
        try:
            for before in filter(None, (asked.first, DELETING.get(deleted))):
                assert (await self.connection.run(before.format(**names))).affected == 1
            answer = await self.connection.run(text)
            if meanwhile:
                await self.beside.run(meanwhile.template.render(values, sql_literal))
            return answer
        finally:
            await self.connection.run("ROLLBACK")


def load(name: str) -> Statement:
    """Return a statement as it is."""
    return load_statement(".".join(FILES[name].relative_to(ROOT.parent).parent.parent.parts), name)


def count(answer: Answer) -> int:
    """Return how many rows were found or changed."""
    return len(answer.rows) if answer.columns else answer.affected


@pytest.fixture(scope="module")
async def stage(mysql_dsn: Dsn) -> AsyncIterator[Stage]:
    ours, theirs = [await connect(mysql_dsn, statement_timeout=timedelta(seconds=30)) for _ in range(2)]
    found = Stage(ours, theirs, World.make(), World.make())
    for row in (*rows_of(found.mine), *rows_of(found.other)):
        await found.connection.run(row)
    yield found
    for connection in (ours, theirs):
        await connection.quit(wait=True)


async def complaint(stage: Stage, asked: Asked, statement: Statement) -> str:
    """Return what is wrong with the answers; empty if nothing is."""
    answer = await stage.ask(asked, statement)
    if count(answer) != asked.rows or asked.answer not in {None, *answer.rows}:
        return f"{count(answer)} rows instead of {asked.rows}, or others: {answer.rows}"
    if leaked := [name for name in asdict(stage.other).values() if name in str(answer.rows)]:
        return f"tells of {leaked}, which are another workspace's"
    for name in asked.names if asked.rows and asked.foreign is not None else ():
        if (found := count(await stage.ask(asked, statement, foreign=name))) != asked.foreign:
            return f"{found} rows although {name} is another workspace's"
    for name in asked.live:
        if found := count(await stage.ask(asked, statement, deleted=name)):
            return f"{found} rows although {name} was deleted"
    for name in asked.shown:
        later = await stage.ask(asked, statement, deleted=name)
        if count(later) != asked.rows or later.rows == answer.rows:
            return f"the same answer although {name} was deleted"
    return ""


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.statement)
async def test_statement_finds_its_own_and_neither_what_is_foreign_nor_what_was_deleted(
    stage: Stage, asked: Asked
) -> None:
    assert await complaint(stage, asked, load(asked.statement)) == ""


@pytest.mark.parametrize("area", AREAS)
async def test_no_condition_could_be_left_out_unnoticed(stage: Stage, area: str) -> None:
    """Whoever adds a condition adds a question that only its being there answers."""
    unnoticed = []
    for name, file in FILES.items():
        source = file.read_text(encoding="utf-8") if file.is_relative_to(ROOT / area) else ""
        for start, end, instead in sql_places(source, DROP_CONDITION):
            without = Statement(name, source[:start] + instead + source[end:])
            if not [asked for asked in ASKED if asked.statement == name and await complains(stage, asked, without)]:
                unnoticed.append(f"{file.name}: {' '.join(source[start:end].split())}")
    assert unnoticed == []


async def complains(stage: Stage, asked: Asked, statement: Statement) -> bool:
    """Tell whether there is a complaint; that the server refuses is one."""
    try:
        return bool(await complaint(stage, asked, statement))
    except (DuplicateKey, StoreUnavailable):
        return True


@pytest.mark.parametrize(
    "asked",
    [asked for asked in ASKED if asked.rows and LOCK.search(load(asked.statement).sql)],
    ids=lambda asked: asked.statement,
)
async def test_statement_that_locks_holds_back_who_would_change_its_rows(stage: Stage, asked: Asked) -> None:
    statement = load(asked.statement)
    change = Statement("change", LOCK.sub("FOR UPDATE NOWAIT", statement.sql))
    with pytest.raises(StoreUnavailable, match=LOCKED):
        await stage.ask(asked, statement, meanwhile=change)
    await stage.ask(asked, Statement("unlocked", LOCK.sub("", statement.sql)), meanwhile=change)


@pytest.mark.parametrize(
    "name", [name for name in FILES if name.endswith(("_lock", "_locked", "_held", "_hold_live", "_settled"))]
)
def test_statement_that_is_named_so_locks(name: str) -> None:
    assert LOCK.search(load(name).sql)


def test_every_statement_with_a_condition_is_asked() -> None:
    conditioned = {name for name, file in FILES.items() if sql_places(file.read_text(encoding="utf-8"), DROP_CONDITION)}
    assert {asked.statement for asked in ASKED} == conditioned
