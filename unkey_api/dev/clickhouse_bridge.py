"""ClickHouse's HTTP interface in front of chdb, the same engine as a library.

    python -m unkey_api.dev.clickhouse_bridge --data FOLDER --port PORT

Speaks what HTTP drivers use: GET /ping, and queries by GET or POST on / with the statement in `query`, in the body, or
begun in the one and continued in the other (an INSERT and its data). Other URL parameters are settings, `param_NAME` a
query parameter. Errors carry ClickHouse's text, number and status. Statements run one at a time on one thread.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl

import uvicorn
from chdb.session import Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

_NOT_SETTINGS = frozenset({"query", "database", "default_format", "query_id", "session_id", "user", "password", "role"})
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NUMBER = re.compile(r"Code: (\d+)\.")
_BAD_REQUEST = frozenset({6, 26, 27, 36, 38, 41, 53, 62, 72, 117, 130, 427})
_NOT_FOUND = frozenset({46, 47, 50, 56, 60, 81, 82, 115})
_FORBIDDEN = frozenset({192, 193, 194, 497, 516})
_READ_ONLY = 164


class Engine:
    """chdb on one folder. Every statement has a session of its own, so settings never leak into the next one."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        # Keeps the engine loaded between statements; opening another session beside it takes microseconds.
        self._anchor = Session(self._folder)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chdb")
        self.version = str(self._anchor.query("SELECT version()", "TabSeparated")).strip()

    async def run(self, statement: bytes, parameters: Mapping[str, str], *, read_only: bool) -> bytes:
        """Run `statement` with the settings, query parameters, database and format named in the URL `parameters`.

        Raises:
            RuntimeError: The engine's error; its text begins with `Code: N.`.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._run, statement, dict(parameters), read_only)

    def close(self) -> None:
        """Wait for the statement that runs, then close the engine."""
        self._thread.shutdown()
        self._anchor.close()

    def _run(self, statement: bytes, parameters: dict[str, str], read_only: bool) -> bytes:  # noqa: FBT001 - run_in_executor takes no keywords
        session = Session(self._folder)
        try:
            database = parameters.get("database", "")
            # While its own database is being created, `default` is all there is.
            if database not in {"", "default"} and not statement.lstrip().upper().startswith(b"CREATE DATABASE"):
                session.query(f"USE {_quoted(database)}")
            settings = _settings(parameters)
            if read_only:
                settings["readonly"] = "2"
            for name, value in settings.items():
                session.query(f"SET {name} = {_literal(value)}")
            bound = {name[6:]: value for name, value in parameters.items() if name.startswith("param_")}
            output = parameters.get("default_format", "TabSeparated")
            result = session.query(statement, output, params=bound or None)
            return result.bytes() or b""
        finally:
            session.close()


def _settings(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the URL parameters that are settings of the engine and not of the transport."""
    transport = {"enable_http_compression", "wait_end_of_query", "buffer_size", "compress", "decompress"}
    names = [name for name in parameters if name not in _NOT_SETTINGS | transport and not name.startswith("param_")]
    for name in names:
        if not _IDENTIFIER.match(name):
            raise RuntimeError(f"Code: 115. DB::Exception: Unknown setting '{name}'. (UNKNOWN_SETTING)")
    return {name: parameters[name] for name in names}


def _literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quoted(identifier: str) -> str:
    return "`" + identifier.replace("\\", "\\\\").replace("`", "\\`") + "`"


def status_of(number: int) -> int:
    """Return the HTTP status that ClickHouse gives an error number."""
    if number in _BAD_REQUEST:
        return 400
    if number in _NOT_FOUND:
        return 404
    if number in _FORBIDDEN:
        return 403
    return 500


def application(engine: Engine) -> Starlette:
    """Return the ASGI application in front of `engine`."""

    async def ping(_: Request) -> Response:
        return PlainTextResponse("Ok.\n")

    async def query(request: Request) -> Response:
        parameters = dict(parse_qsl(request.url.query, keep_blank_values=True))
        body = await request.body()
        begun = parameters.get("query", "").encode()
        statement = begun + b"\n" + body if begun and body else begun or body
        if not statement.strip():
            return PlainTextResponse("Ok.\n")
        try:
            result = await engine.run(statement, parameters, read_only=request.method == "GET")
        except RuntimeError as error:
            return _failure(str(error).strip(), engine.version)
        return Response(result, media_type="text/plain; charset=UTF-8")

    return Starlette(
        routes=[
            Route("/ping", ping, methods=["GET"]),
            Route("/", query, methods=["GET", "POST"]),
        ]
    )


def _failure(text: str, version: str) -> Response:
    found = _NUMBER.search(text)
    number = int(found.group(1)) if found else 1002
    if not found:
        text = f"Code: {number}. DB::Exception: {text} (UNKNOWN_EXCEPTION)"
    return PlainTextResponse(
        f"{text} (version {version})\n",
        status_code=403 if number == _READ_ONLY else status_of(number),
        headers={"X-ClickHouse-Exception-Code": str(number)},
    )


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="ClickHouse over HTTP, from chdb")
    parser.add_argument("--data", type=Path, required=True, help="folder of the database; made when absent")
    parser.add_argument("--port", type=int, required=True, help="loopback port")
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    engine = Engine(options.data)
    try:
        uvicorn.run(
            application(engine),
            host="127.0.0.1",
            port=options.port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=2,
        )
    finally:
        engine.close()


if __name__ == "__main__":
    main()
