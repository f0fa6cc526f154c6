"""The life of the served process: start, loss of a worker or a store, stop."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from pyqwest import Client as HttpClient
from pyqwest import HTTPTransport, HTTPVersion
from unkey_proto.unkey.apis.v2.apis_connect import ApisServiceClient
from unkey_proto.unkey.apis.v2.apis_pb import CreateApiRequest
from unkey_proto.unkey.liveness.v2.liveness_connect import LivenessServiceClient
from unkey_proto.unkey.liveness.v2.liveness_pb import LivenessRequest

from tests.e2e.test_connect import Credential
from tests.support.harness import Caller
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from tests.support.relay import Relay, relay_to
from tests.support.served import (
    Served,
    ServeOptions,
    connection_string,
    fetch,
    launch,
    served_by,
    serving,
    status_of,
    until,
)
from unkey_api.dev.ports import free_ports
from unkey_api.infra.mysql import Database, Dsn

pytestmark = pytest.mark.e2e

START_SECONDS = 10.0
"""Generous: on an idle machine it is below one second, and two are promised."""


@pytest.fixture
def options(served_database: str, redis_server: RedisServer) -> ServeOptions:
    return ServeOptions(database=served_database, redis=redis_server.url)


@pytest.fixture
def relay(mysql_server: MysqlServer) -> Iterator[Relay]:
    """A way to MySQL that can be held up and cut."""
    with relay_to("127.0.0.1", mysql_server.port) as opened:
        yield opened


@pytest.fixture
def behind_relay(
    relay: Relay, options: ServeOptions, mysql_server: MysqlServer, mysql_dsn: Dsn, database: Database, tmp_path: Path
) -> Iterator[Served]:
    """A service of this test alone whose MySQL is behind the relay."""
    dsn = replace(mysql_server.tcp_dsn(mysql_dsn.database), port=relay.port)
    with serving(replace(options, database=connection_string(dsn)), tmp_path) as service:
        yield served_by(service, database)


def create_api(base: str, caller: Caller) -> tuple[int, str]:
    """Make an API; return status and body."""
    return fetch(f"{base}/v2/apis.createApi", {"name": "name"}, {"authorization": f"Bearer {caller.root_key}"})


def test_it_serves_soon_after_its_start(served: Served) -> None:
    seconds = served.service.start_seconds
    print(f"\nserving after {seconds:.2f} s with {served.service.options.workers} workers")  # noqa: T201 - a figure worth seeing
    assert seconds < START_SECONDS
    assert [event["message"] for event in served.service.events()].count("serving") == 1


class TestDrain:
    async def test_requests_in_flight_on_both_listeners_are_answered(self, behind_relay: Served, relay: Relay) -> None:
        """No request accepted before SIGTERM is lost."""
        service, caller = behind_relay.service, await behind_relay.admin()
        assert create_api(service.base, caller)[0] == 200  # warms the caches, so that only the writes are held up
        http = HttpClient(HTTPTransport(http_version=HTTPVersion.HTTP2))
        rpc = ApisServiceClient(service.http2, http_client=http, interceptors=[Credential(caller.root_key)])
        live = LivenessServiceClient(service.http2, http_client=http)
        await live.liveness(LivenessRequest())  # opens the connection that the next ones share
        relay.hold()
        first = asyncio.create_task(asyncio.to_thread(create_api, service.base, caller))
        await asyncio.to_thread(relay.held.wait, 10)
        second = asyncio.create_task(rpc.create_api(CreateApiRequest(name="name")))
        for _ in range(3):  # what is sent later on the same connection is read later
            await live.liveness(LivenessRequest())
        service.signal(signal.SIGTERM)
        await asyncio.to_thread(until, lambda: status_of(f"{service.base}/health/live") == 0, 10)
        assert not first.done()
        assert not second.done()
        relay.release()
        assert (await first)[0] == 200
        assert (await second).api_id.startswith("api_")
        assert await asyncio.to_thread(service.wait) == 0

    async def test_the_budget_ends_what_does_not_finish(
        self,
        options: ServeOptions,
        relay: Relay,
        mysql_server: MysqlServer,
        mysql_dsn: Dsn,
        database: Database,
        tmp_path: Path,
    ) -> None:
        dsn = replace(mysql_server.tcp_dsn(mysql_dsn.database), port=relay.port)
        short = replace(options, database=connection_string(dsn), shutdown_timeout="1s")
        with serving(short, tmp_path) as service:
            caller = await served_by(service, database).admin()
            assert create_api(service.base, caller)[0] == 200
            relay.hold()
            with ThreadPoolExecutor(1) as pool:
                stuck: Future[object] = pool.submit(create_api, service.base, caller)
                await asyncio.to_thread(relay.held.wait, 10)
                service.signal(signal.SIGTERM)
                await asyncio.to_thread(service.wait)
                relay.release()
                assert stuck.exception() is not None or stuck.result() is not None
            assert service.workers() == []
            service.process.returncode = 0  # a forced end may be reported as such; nothing may be left either way

    def test_an_idle_service_stops_at_once(self, options: ServeOptions, tmp_path: Path) -> None:
        with serving(options, tmp_path) as service:
            service.signal(signal.SIGINT)
            assert service.wait() == 0


class TestWorkers:
    def test_a_crashed_worker_is_replaced_and_no_request_fails(self, options: ServeOptions, tmp_path: Path) -> None:
        with serving(replace(options, workers=2), tmp_path) as service:
            before = service.workers()
            os.kill(before[0], signal.SIGKILL)
            assert {status_of(f"{service.base}/v2/liveness") for _ in range(20)} == {200}
            until(lambda: len(set(service.workers()) - set(before)) == 1, 10)
            assert before[1] in service.workers()
            assert "starting another" in service.log_text()

    def test_workers_end_with_their_supervisor(self, options: ServeOptions, tmp_path: Path) -> None:
        with serving(options, tmp_path) as service:
            [worker] = service.workers()
            service.signal(signal.SIGKILL)
            service.wait()
            until(lambda: not Path(f"/proc/{worker}").exists(), 10)
            service.process.returncode = 0  # it was us

    def test_ids_of_different_workers_differ(self, served: Served) -> None:
        answers = [fetch(f"{served.base}/v2/liveness")[1] for _ in range(100)]
        assert len(set(answers)) == 100


def ends(config: str, folder: Path) -> tuple[int, str]:
    """Run `serve` with a configuration it cannot serve with; return status and output."""
    log = folder / "serve.log"
    process = launch(config, log)
    return process.wait(60), log.read_text()


class TestStart:
    def test_a_taken_port_is_named(self, served: Served, options: ServeOptions, tmp_path: Path) -> None:
        port = served.service.options.http_port
        status, output = ends(replace(options, http_port=port).toml(), tmp_path)
        assert status == 1
        assert f"cannot listen on 127.0.0.1:{port}" in output

    def test_every_problem_of_a_configuration_is_listed(self, options: ServeOptions, tmp_path: Path) -> None:
        broken = (
            options.toml().replace("workers = 1", "workerz = 1\nhttp_timeout = 3").replace("redis_url", "# redis_url")
        )
        status, output = ends(broken, tmp_path)
        assert status == 1
        assert "workerz" in output
        assert "workers" in output, "the nearest known key is named"
        assert "http_timeout" in output
        assert "redis_url" in output

    def test_mysql_that_is_away_ends_the_start_with_a_message(self, options: ServeOptions, tmp_path: Path) -> None:
        away = f"mysql://u:hidden-password@127.0.0.1:{free_ports(1)[0]}/unkey"
        status, output = ends(replace(options, database=away).toml(), tmp_path)
        assert status == 3
        assert "MySQL" in output or "database" in output
        assert "hidden-password" not in output

    async def test_redis_that_is_away_does_not_keep_it_from_serving(
        self, options: ServeOptions, database: Database, tmp_path: Path
    ) -> None:
        with serving(replace(options, redis=f"redis://127.0.0.1:{free_ports(1)[0]}"), tmp_path) as service:
            caller = await served_by(service, database).admin()
            limit = {"namespace": "ns", "identifier": "u", "limit": 1, "duration": 60_000}
            credential = {"authorization": f"Bearer {caller.root_key}"}
            found = [fetch(f"{service.base}/v2/ratelimit.limit", limit, credential) for _ in range(2)]
            assert [status for status, _ in found] == [200, 200]
            assert ['"success":true' in body for _, body in found] == [True, False]


class TestMysqlLost:
    async def test_it_is_unavailable_until_mysql_is_back(self, behind_relay: Served, relay: Relay) -> None:
        service, caller = behind_relay.service, await behind_relay.admin()
        assert create_api(service.base, caller)[0] == 200
        relay.cut()
        status, body = await asyncio.to_thread(create_api, service.base, caller)
        assert (status, "service_unavailable" in body) == (500, True), "what the catalogue says"
        relay.mend()
        await asyncio.to_thread(until, lambda: create_api(service.base, caller)[0] == 200, 20)


def test_the_relay_and_the_gate_leave_no_threads() -> None:
    """Helpers that outlive their test would hide what the service leaves behind."""
    assert [t.name for t in threading.enumerate() if t.name.startswith(("relay", "gate"))] == []
