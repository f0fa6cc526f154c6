"""The one file that knows aiomysql. Everything untyped, and everything private of the driver we lean on, stops here.

Why not `aiomysql.Pool` and `Cursor`: the pool connects while it holds its lock and drops a half-open connection when
that is cancelled; the cursor asks the server for warnings with an extra round trip. A connection is opened here through
the public constructor and `ping`, so that a cancelled or failed login always closes its socket.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import aiomysql
from pymysql import converters
from pymysql.constants import CLIENT, FIELD_TYPE
from pymysql.err import MySQLError

from unkey_api.infra.mysql.errors import translate
from unkey_api.settings.addresses.mysql import Dsn, TlsMode

QUIT_SECONDS = 1.0  # the farewell of an encrypted session; nobody waits longer for a peer that has gone silent
# MariaDB from 11.6 on refuses to change a row that was changed since the transaction's first read. The row of a lane
# nearly always was. Everywhere else such a change waits for its lock and goes through, which is what we build on.
_SNAPSHOTS = "/*M!110600 , innodb_snapshot_isolation=OFF */"
_SQL_MODE = "STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server sent back for one statement."""

    columns: tuple[str, ...]
    """Column names; empty when the statement returns no rows."""
    rows: tuple[tuple[object, ...], ...]
    affected: int
    last_id: int


class _Login(aiomysql.Connection):  # type: ignore[misc]  # the driver is untyped
    """Refuses to log in unencrypted when TLS was asked for; the driver itself would fall back in silence."""

    async def _request_authentication(self) -> None:
        if self._ssl_context and not self.server_capabilities & CLIENT.SSL:
            raise aiomysql.OperationalError(2026, "the server does not offer TLS")
        await super()._request_authentication()


class DriverConnection:
    """One session with the server. Statements must not overlap.

    After any failure other than an orderly error from the server the connection is closed: an answer may still be on
    its way, and nobody else may read it.
    """

    def __init__(self, raw: Any) -> None:  # Any: the driver is untyped
        self._raw = raw

    @property
    def closed(self) -> bool:
        """Whether it was closed, by us or after a failure."""
        return bool(self._raw.closed)

    @property
    def in_transaction(self) -> bool:
        """Whether the server reported an open transaction with its last answer."""
        return bool(self._raw.get_transaction_status())

    @property
    def stale(self) -> bool:
        """Whether it must not be used: closed, ended by the server, or with bytes nobody asked for."""
        reader = self._raw._reader  # noqa: SLF001 - the driver's own pool looks here too, there is no public way
        return self.closed or reader.at_eof() or reader.eof_received or bool(reader.exception()) or bool(reader._buffer)  # noqa: SLF001

    @property
    def server_version(self) -> str:
        """The server's version as it announced itself."""
        return str(self._raw.get_server_info())

    async def run(self, sql: str) -> Answer:
        """Send one statement and read its whole answer.

        Raises:
            DuplicateKey: A unique index refused a row; the connection stays usable.
            StoreUnavailable: Anything else; see `closed` for whether the connection survived.
        """
        healthy = False
        try:
            await self._raw.query(sql)
            result = self._raw._result  # noqa: SLF001 - what a cursor would read, without its extra round trip
            healthy = not result.has_next
        except (MySQLError, OSError) as err:
            fault, healthy = translate(err, sent=True)
            raise fault from err
        finally:
            if not healthy:
                self._raw.close()
        return Answer(
            columns=tuple(column[0] for column in result.description or ()),
            rows=result.rows or (),
            affected=result.affected_rows or 0,
            last_id=result.insert_id or 0,
        )

    def close(self) -> None:
        """Drop the connection without a farewell. May be called twice."""
        self._raw.close()

    async def quit(self, *, wait: bool = False) -> None:
        """Tell the server and close, whether or not it still listens. May be called twice.

        With `wait` this returns once the transport is gone, at most a second later, so that a loop may be closed right
        after; encrypted ones take a moment. Nobody waits in front of a request.
        """
        writer = self._raw._writer  # noqa: SLF001 - the driver offers no way to wait for the end of its transport
        try:
            await self._raw.ensure_closed()
            if wait and writer is not None:
                async with asyncio.timeout(QUIT_SECONDS):
                    await writer.wait_closed()
        except (OSError, TimeoutError):
            return  # it was gone already or does not answer any more; either way it is closed here
        finally:
            self._raw.close()


async def connect(dsn: Dsn, *, statement_timeout: timedelta) -> DriverConnection:
    """Open a session: utf8mb4, UTC, strict SQL mode, autocommit, statements bounded by the server.

    A cancelled call leaves no socket behind. The caller bounds the time.

    Raises:
        StoreUnavailable: The server cannot be reached or refuses us.
    """
    raw = _Login(
        host=dsn.host,
        port=dsn.port,
        unix_socket=dsn.unix_socket or None,
        user=dsn.user,
        password=dsn.password.encode().decode("latin1"),  # the driver sends Latin-1, servers compare UTF-8
        db=dsn.database or None,
        charset="utf8mb4",
        conv=_DECODERS,
        autocommit=True,
        ssl=tls_context(dsn),
        program_name="unkey-api",
    )
    raw.client_flag &= ~CLIENT.MULTI_STATEMENTS  # one text, one statement: injected ones cannot follow
    connection = DriverConnection(raw)
    try:
        await raw.ping()
        await connection.run(_session_setup(connection.server_version, statement_timeout))
    except (MySQLError, OSError) as err:
        raw.close()
        raise translate(err, sent=False)[0] from err
    except BaseException:
        raw.close()
        raise
    return connection


def _session_setup(version: str, statement_timeout: timedelta) -> str:
    seconds = statement_timeout.total_seconds()
    bound = (
        f"max_statement_time={seconds}" if "mariadb" in version.lower() else f"max_execution_time={seconds * 1000:.0f}"
    )
    return f"SET SESSION time_zone='+00:00', sql_mode='{_SQL_MODE}', {bound}{_SNAPSHOTS}"


def tls_context(dsn: Dsn) -> ssl.SSLContext | None:
    """Return how connections are encrypted, None for not at all. Raises OSError for a bad authority file."""
    if dsn.tls is TlsMode.OFF:
        return None
    context = ssl.create_default_context(cafile=dsn.tls_ca or None)
    context.check_hostname = dsn.tls is TlsMode.VERIFY
    if dsn.tls is TlsMode.ENCRYPT:
        context.verify_mode = ssl.CERT_NONE
    return context


def _whole_or_decimal(text: str) -> int | Decimal:
    """SUM and friends over integers arrive as DECIMAL without a fraction."""
    return Decimal(text) if "." in text else int(text)


_DECODERS = {**converters.decoders, FIELD_TYPE.DECIMAL: _whole_or_decimal, FIELD_TYPE.NEWDECIMAL: _whole_or_decimal}
