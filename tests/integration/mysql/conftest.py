"""A table to play with, and a database whose limits a test may choose."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.support.mysql import run_sql, settings_for
from tests.support.statements import StatementRecorder
from unkey_api.core.clock import SystemClock
from unkey_api.infra.mysql import Database, Dsn, Query, Statement, log_orphan, open_database


@dataclass(frozen=True, slots=True)
class Item:
    """A row of the table `items`."""

    id: str
    n: int


@dataclass(frozen=True, slots=True)
class Nonce:
    """What a statement was told to answer."""

    nonce: int


@dataclass(frozen=True, slots=True)
class Text:
    """One text."""

    text: str | None


GET = Query("item_get", "SELECT id, n FROM items WHERE id = %(id)s", Item)
LIST = Query("item_list", "SELECT id, n FROM items WHERE id IN %(ids)s ORDER BY id", Item)
LIST_OTHERS = Query("item_list_others", "SELECT id, n FROM items WHERE id NOT IN %(ids)s ORDER BY id", Item)
INSERT = Statement("item_insert", "INSERT INTO items (id, n) VALUES (%(id)s, %(n)s)")
ADD = Statement("item_add", "UPDATE items SET n = n + %(by)s WHERE id = %(id)s")
SLEEP = Statement("item_sleep", "UPDATE items SET n = 50 + 0 * SLEEP(%(seconds)s) WHERE id = %(id)s")
NONCE = Query("nonce_get", "SELECT %(nonce)s + 0 * SLEEP(%(seconds)s) AS nonce", Nonce)
ECHO = Query("text_echo", "SELECT %(text)s AS text", Text)
MY_ID = Query("connection_id", "SELECT CONNECTION_ID() AS nonce", Nonce)


@pytest.fixture
async def items_dsn(empty_mysql_dsn: Dsn) -> Dsn:
    """A database with the table `items` alone: `a` is 1, `b` is 2."""
    await run_sql(
        empty_mysql_dsn,
        "CREATE TABLE items (id varchar(48) NOT NULL, n bigint NOT NULL, PRIMARY KEY (id), "
        "UNIQUE KEY items_n_unique (n)) ENGINE=InnoDB",
        "INSERT INTO items (id, n) VALUES ('a', 1), ('b', 2)",
    )
    return empty_mysql_dsn


@pytest.fixture
async def items(items_dsn: Dsn, statements: StatementRecorder) -> AsyncIterator[Database]:
    """The same, open."""
    async with open_database(
        settings_for(items_dsn), clock=SystemClock(), on_orphan_error=log_orphan, observer=statements
    ) as database:
        yield database
