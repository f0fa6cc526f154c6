"""What probes are told in every state of a process, and how a start ends that nobody wants any more."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.faults.figures import Figures
from tests.e2e.faults.making import made, make_keys
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from tests.support.relay import relay_to
from tests.support.served import ServeOptions, connection_string, launch, served_by, serving
from tests.support.waiting import eventually
from unkey_api.dev.ports import free_ports
from unkey_api.infra.mysql import Database, Dsn

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

CONNECTING_SECONDS = 5.0
"""How long a start waits for MySQL to say something; a stop must not."""
PROBES = ("/health/live", "/health/ready", "/health/startup")


def probe(port: int, path: str) -> tuple[int, str]:
    """Ask as an orchestrator does, on a connection of its own; 0 when it is refused."""
    with kept_alive(port) as connection:
        try:
            return asked(connection, path)
        except ConnectionRefusedError:
            return 0, ""


def asked(connection: http.client.HTTPConnection, path: str) -> tuple[int, str]:
    """Ask on an open connection; return status and word."""
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, str(json.loads(answer.read())["status"])


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def kept_alive(port: int) -> Iterator[http.client.HTTPConnection]:
    """Open a connection for several requests."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture
def options(served_database: str, redis_server: RedisServer) -> ServeOptions:
    return ServeOptions(database=served_database, redis=redis_server.url)


async def test_probes_are_refused_until_it_serves_and_a_stop_ends_a_start(
    options: ServeOptions, mysql_server: MysqlServer, mysql_dsn: Dsn, tmp_path: Path, figures: Figures
) -> None:
    """MySQL says nothing, so the start waits for it; connections made meanwhile would wait as well."""
    with relay_to("127.0.0.1", mysql_server.port) as relay:
        dsn = replace(mysql_server.tcp_dsn(mysql_dsn.database), port=relay.port)
        relay.hold()
        process = launch(replace(options, database=connection_string(dsn)).toml(), tmp_path / "serve.log")
        try:
            await asyncio.to_thread(relay.held.wait, 30)
            assert [probe(options.http_port, path)[0] for path in PROBES] == [0, 0, 0]
            assert not listens(options.http2_port)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            await eventually(lambda: process.poll() is not None, within_seconds=30)
            took = time.monotonic() - began
        finally:
            process.kill()
            process.wait()
            relay.release()
    figures.note(f"stop during a start: status {process.returncode} after {took:.2f} s")
    assert process.returncode == 0
    assert took < CONNECTING_SECONDS


async def test_ports_open_together_once_everything_is_there(
    options: ServeOptions, mysql_server: MysqlServer, mysql_dsn: Dsn, tmp_path: Path
) -> None:
    with relay_to("127.0.0.1", mysql_server.port) as relay:
        dsn = replace(mysql_server.tcp_dsn(mysql_dsn.database), port=relay.port)
        relay.hold()
        process = launch(replace(options, database=connection_string(dsn)).toml(), tmp_path / "serve.log")
        try:
            await asyncio.to_thread(relay.held.wait, 30)
            assert not listens(options.http_port)
            relay.release()
            await eventually(lambda: listens(options.http_port), within_seconds=30)
            # Whoever gets a connection is served; no probe ever hears that it is too early.
            assert [probe(options.http_port, path) for path in PROBES] == [(200, "ok")] * 3
            await eventually(lambda: listens(options.http2_port), within_seconds=30)
        finally:
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 30) == 0


async def test_while_stopping_readiness_fails_and_liveness_does_not(
    options: ServeOptions, mysql_server: MysqlServer, mysql_dsn: Dsn, database: Database, tmp_path: Path
) -> None:
    """Seen by whoever has a connection open, with a request under way that keeps the process from ending."""
    with relay_to("127.0.0.1", mysql_server.port) as relay:
        dsn = replace(mysql_server.tcp_dsn(mysql_dsn.database), port=relay.port)
        with serving(replace(options, database=connection_string(dsn)), tmp_path) as service:
            served = served_by(service, database)
            caller = await served.admin()
            await make_keys(service.base, caller, 1)  # warms what the request below needs
            with ExitStack() as stack:
                watching = {path: stack.enter_context(kept_alive(options.http_port)) for path in PROBES}
                assert [asked(one, path) for path, one in watching.items()] == [(200, "ok")] * 3
                relay.hold()
                pending = asyncio.create_task(made(service.base, "/v2/apis.createApi", {"name": "last"}, caller))
                await asyncio.to_thread(relay.held.wait, 30)
                service.signal(signal.SIGTERM)
                ready = watching["/health/ready"]
                # The first answer after the signal is the last one on its connection.
                await eventually(lambda: asked(ready, "/health/ready") == (503, "shutting down"), within_seconds=10)
                assert asked(watching["/health/live"], "/health/live") == (200, "ok")
                assert asked(watching["/health/startup"], "/health/startup") == (200, "ok")
            assert not pending.done()
            relay.release()
            assert (await pending)["apiId"]
            assert await asyncio.to_thread(service.wait) == 0


async def test_a_start_without_redis_and_clickhouse_serves(
    options: ServeOptions, tmp_path: Path, figures: Figures
) -> None:
    """Only MySQL keeps it from starting."""
    nobody = free_ports(2)
    alone = replace(
        options,
        redis=f"redis://127.0.0.1:{nobody[0]}",
        clickhouse=f"http://127.0.0.1:{nobody[1]}",
        shutdown_timeout="2s",
    )
    with serving(alone, tmp_path) as service:
        assert [probe(options.http_port, path) for path in PROBES] == [(200, "ok")] * 3
        figures.note(f"start without Redis and ClickHouse: serving after {service.start_seconds:.1f} s")
        assert service.start_seconds < 10
