"""Somebody else who acts between two statements of the service."""

from __future__ import annotations

import pymysql

from tests.support.statements import StatementRecorder
from unkey_api.infra.mysql import Dsn


def change_after(statements: StatementRecorder, dsn: Dsn, name: str, change: str) -> None:
    """Change one row on a connection of its own, right after the service has sent the next statement of this name."""

    def act() -> None:
        where = {"unix_socket": dsn.unix_socket, "user": dsn.user, "password": dsn.password.encode()}
        with pymysql.connect(**where, database=dsn.database, autocommit=True) as other, other.cursor() as cursor:
            assert cursor.execute(change) == 1

    statements.after(name, act)
