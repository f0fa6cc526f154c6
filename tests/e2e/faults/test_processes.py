"""Workers that crash, a supervisor that is killed, encrypted listeners."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.figures import Figures
from tests.e2e.faults.making import authorized, make_keys, verify
from tests.support.certificates import self_signed
from tests.support.load import Load, Target, under_load
from tests.support.redis import RedisServer
from tests.support.served import Served, ServeOptions, Service, processes_of, served_by, serving, status_of
from tests.support.waiting import eventually
from unkey_api.infra.mysql import Database

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def own(
    served_database: str, redis_server: RedisServer, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A service of this module alone; the last test that uses it ends it."""
    options = ServeOptions(database=served_database, redis=redis_server.url, workers=2)
    with serving(options, tmp_path_factory.mktemp("own")) as service:
        yield served_by(service, database)


async def test_a_crashed_worker_is_replaced_and_the_other_goes_on(own: Served, figures: Figures) -> None:
    caller = await own.admin()
    load = Load([*map(verify, await make_keys(own.base, caller, 5))], authorized(caller))
    options = own.service.options
    target = Target(
        http1_port=options.http_port, http2_port=options.http2_port, http1_connections=20, http2_connections=10
    )
    connections = 30
    async with under_load(load, target):
        await eventually(lambda: len(load.answers) >= 300, within_seconds=30)
        victim, survivor = own.service.workers()
        killed_at = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        await eventually(lambda: len(set(own.service.workers()) - {victim}) == 2, within_seconds=10)
        replaced_after = time.monotonic() - killed_at
        seen = len(load.answers)
        await eventually(lambda: len(load.answers) >= seen + 300, within_seconds=30)
        assert survivor in own.service.workers()
    wrong = [answer for answer in load.answers if not answer.correct]
    figures.note(
        f"worker killed: {len(load.answers)} answers, {len(load.lost)} lost, {len(wrong)} wrong, "
        f"replaced after {replaced_after:.2f} s"
    )
    assert wrong == []
    # What the worker was working on is gone, and nothing else: at most what each connection had in flight.
    assert len(load.lost) <= connections * target.streams
    (line,) = (line for line in own.service.log_text().splitlines() if "starting another" in line)
    assert '"exit_code":-9' in line


async def test_no_worker_outlives_its_supervisor(own: Served) -> None:
    workers = own.service.workers()
    assert len(workers) == 2
    own.service.signal(signal.SIGKILL)
    own.service.process.wait()
    await eventually(lambda: not processes_of(own.service.process.pid), within_seconds=10)
    assert status_of(f"{own.base}/health/live") == 0
    own.service.process.returncode = 0  # ended as meant; the fixture has nothing left to stop


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def encrypted(
    certificate: tuple[Path, Path],
    served_database: str,
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    options = ServeOptions(database=served_database, redis=redis_server.url, tls=certificate)
    with serving(options, tmp_path_factory.mktemp("encrypted")) as service:
        yield service


class TestTls:
    @pytest.mark.parametrize(("listener", "protocol"), [("http_port", "http/1.1"), ("http2_port", "h2")])
    def test_only_tls_1_3_and_the_protocol_of_the_listener(
        self, listener: str, protocol: str, certificate: tuple[Path, Path], encrypted: Service
    ) -> None:
        port = getattr(encrypted.options, listener)
        assert handshake(port, client_context(certificate[0], protocol)) == ("TLSv1.3", protocol)
        old = client_context(certificate[0], protocol)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(port, old)

    async def test_a_stop_loses_nothing_on_encrypted_connections(
        self, encrypted: Service, served: Served, certificate: tuple[Path, Path], figures: Figures
    ) -> None:
        caller = await served.admin()
        load = Load([*map(verify, await make_keys(served.base, caller, 2))], authorized(caller))
        target = Target(
            http1_port=encrypted.options.http_port,
            http2_port=encrypted.options.http2_port,
            http1_connections=5,
            http2_connections=5,
            tls=lambda protocol: client_context(certificate[0], protocol),
        )
        async with under_load(load, target):
            await eventually(lambda: len(load.answers) >= 200, within_seconds=30)
            encrypted.signal(signal.SIGTERM)
            await eventually(lambda: encrypted.process.poll() is not None, within_seconds=20)
        figures.note(f"drain with TLS: {len(load.answers)} answers, {len(load.lost)} lost, {dict(load.goodbyes)}")
        assert (load.lost, [answer for answer in load.answers if not answer.correct]) == ([], [])
        assert load.goodbyes.keys() >= {"connection: close", "GOAWAY all 0"}
        assert encrypted.process.returncode == 0


def handshake(port: int, context: ssl.SSLContext) -> tuple[str | None, str | None]:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted,
    ):
        return encrypted.version(), encrypted.selected_alpn_protocol()


def client_context(authority: Path, protocol: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    context.check_hostname = False
    context.set_alpn_protocols([protocol])
    return context
