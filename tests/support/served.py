"""The real service as processes of its own, for end-to-end tests: `unkey-api serve` on the session's stores."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.harness import Caller
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from unkey_api.admin.service import AdminService
from unkey_api.admin.types import all_permissions
from unkey_api.audit.service import AuditLog
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.core.secret import Secret
from unkey_api.dev.ports import free_ports
from unkey_api.dev.servers import ClickHouse, Vault, vault
from unkey_api.infra.mysql import Database, Dsn

START_SECONDS = 30.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.01
VAULT_TOKEN = "vault-token-of-the-tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What differs between served processes."""

    database: str
    """Connection string."""
    redis: str
    vault: Vault | None = None
    clickhouse: str = ""
    """Address that events are written to; empty drops them."""
    analytics: str = ""
    """Address that workspaces ask; empty leaves analytics off."""
    tls: tuple[Path, Path] | None = None
    """Certificate and key; None serves clear text."""
    workers: int = 1
    http_port: int = field(default_factory=lambda: free_ports(1)[0])
    http2_port: int = field(default_factory=lambda: free_ports(1)[0])
    metrics_port: int = field(default_factory=lambda: consecutive_ports(2))
    """Each worker has its own: this one and those after it."""
    shutdown_timeout: str = "10s"
    max_body_bytes: int = 1_000_000
    gossip: str = ""
    """Lines of the section `gossip`; empty leaves it out."""
    log_level: str = "info"
    replica: str = ""
    """Connection string to read with; empty reads from the primary."""
    replica_lag_max: str = "30s"
    statement_timeout: str = "30s"
    collector: str = ""
    """Address that takes traces of all requests; empty leaves tracing off."""
    auth: str = ""
    """Entries of the list `auth` before the one for root keys."""
    trusted: Path | None = None
    """Certificates to trust instead of the machine's."""

    def toml(self) -> str:
        """Return the configuration."""
        lines = [
            'bind_address = "127.0.0.1"',
            f"http_port = {self.http_port}",
            f"http2_port = {self.http2_port}",
            f"workers = {self.workers}",
            'region = "test"',
            f'shutdown_timeout = "{self.shutdown_timeout}"',
            f"max_request_body_size = {self.max_body_bytes}",
            f'redis_url = "{self.redis}"',
            "[failed_credentials]\nburst = 1_000_000",  # all tests have one address
            f'[database]\nprimary = "{self.database}"\nreadonly_replica = "{self.replica}"\nstartup_attempts = 2',
            f'statement_timeout = "{self.statement_timeout}"',
            f'[revocation]\nreplica_lag_max = "{self.replica_lag_max}"',
            f"[observability.metrics]\nprometheus_port = {self.metrics_port}",
            self.auth,
            '[[auth]]\ntype = "root_key"',
        ]
        if self.collector:
            lines.append("[observability.tracing]\nsample_rate = 1.0")
        if self.vault is not None:
            lines.append(f'[vault]\nurl = "{self.vault.url}"\ntoken = "{self.vault.token.reveal()}"')
        if self.gossip:
            lines.append(f"[gossip]\n{self.gossip}")
        if self.clickhouse or self.analytics:
            lines.append(f'[clickhouse]\nurl = "{self.clickhouse}"\nanalytics_url = "{self.analytics}"')
        if self.tls is not None:
            lines.append(f'[tls]\ncert_file = "{self.tls[0]}"\nkey_file = "{self.tls[1]}"')
        return "\n".join(lines) + "\n"

    def environment(self) -> dict[str, str]:
        """Return the variables that go with the configuration."""
        return {
            "UNKEY_LOG_LEVEL": self.log_level,
            **({"OTEL_EXPORTER_OTLP_ENDPOINT": self.collector} if self.collector else {}),
            **({"SSL_CERT_FILE": str(self.trusted)} if self.trusted else {}),
        }


class Service:
    """A running `unkey-api serve`: a supervisor and its workers."""

    def __init__(self, options: ServeOptions, process: subprocess.Popen[bytes], log: Path) -> None:
        self.options = options
        self.process = process
        self.log = log
        self.start_seconds = 0.0
        """From the start of the process until all workers served."""

    @property
    def base(self) -> str:
        """URL of the HTTP/1.1 listener."""
        return f"http://127.0.0.1:{self.options.http_port}"

    @property
    def http2(self) -> str:
        """URL of the HTTP/2 listener, in clear text."""
        return f"http://{self.http2_address}"

    @property
    def http2_address(self) -> str:
        """Host and port of the HTTP/2 listener."""
        return f"127.0.0.1:{self.options.http2_port}"

    def log_text(self) -> str:
        """Everything written to standard output and error so far."""
        return self.log.read_text(errors="replace")

    def events(self) -> list[dict[str, object]]:
        """The log, line by line. What is still being written is left out."""
        return [json.loads(line) for line in self.log_text().split("\n")[:-1] if line.startswith("{")]

    def metrics(self) -> str:
        """What all workers report."""
        ports = range(self.options.metrics_port, self.options.metrics_port + self.options.workers)
        return "\n".join(fetch(f"http://127.0.0.1:{port}/metrics")[1] for port in ports)

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        return [pid for pid in processes_of(self.process.pid) if pid != self.process.pid]

    def signal(self, number: int) -> None:
        """Send a signal to the supervisor."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        return self.process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """Stop with SIGTERM; it must end well and leave no process behind."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        status = self.wait()
        assert status == 0, f"ended with status {status}:\n{self.log_text()[-4000:]}"
        assert processes_of(self.process.pid) == []


def launch(
    config: str, log: Path, environment: dict[str, str] | None = None, *, errors: int | None = None
) -> subprocess.Popen[bytes]:
    """Start `unkey-api serve` with this configuration, without waiting for anything.

    `errors` is a file descriptor for standard error, which otherwise goes to `log` as well.
    """
    file = log.with_suffix(".toml")
    file.write_text(config, encoding="utf-8")
    setpriv = shutil.which("setpriv")
    guard = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own command
            [*guard, sys.executable, "-m", "unkey_api", "serve", "--config", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output if errors is None else errors,
            # Variables that steer the tests are no settings, and the service refuses what it does not know.
            env={k: v for k, v in os.environ.items() if not k.startswith("UNKEY_")} | (environment or {}),
            start_new_session=True,
        )


@contextmanager
def serving(options: ServeOptions, folder: Path) -> Iterator[Service]:
    """Run the service until the block ends; then it must stop well."""
    began = time.monotonic()
    log = folder / f"serve-{options.http_port}.log"
    service = Service(options, launch(options.toml(), log, options.environment()), log)
    try:
        until(lambda: '"serving"' in service.log_text() or service.process.poll() is not None, START_SECONDS)
        assert service.process.poll() is None, service.log_text()
        service.start_seconds = time.monotonic() - began
        if options.tls is None:
            until(lambda: status_of(f"{service.base}/health/ready") == 200, START_SECONDS)
        yield service
        service.stop()
    finally:
        if service.process.poll() is None:
            os.killpg(service.process.pid, signal.SIGKILL)
            service.process.wait()


def until(condition: Callable[[], bool], seconds: float) -> None:
    """Poll until the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(POLL_SECONDS)


def processes_of(session: int) -> list[int]:
    """Return the processes of a session that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                rest = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(rest[3]) == session and rest[0] != "Z":
                found.append(int(entry.name))
    return sorted(found)


def consecutive_ports(count: int) -> int:
    """Return the first of `count` free ports in a row."""
    while True:
        [first] = free_ports(1)
        try:
            for port in range(first + 1, first + count):
                with closing(socket.socket()) as probe:
                    probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            continue
        return first


def fetch(url: str, body: object = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """GET, or POST JSON (bytes as they are); return status and body of whatever the server says."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json", "accept": "application/json"} | (headers or {})
    request = urllib.request.Request(url, data=data, headers=sent)  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - the same
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as err:
        with err:
            return err.code, err.read().decode()


def status_of(url: str) -> int:
    """Return the status of a GET, 0 when nobody answers."""
    try:
        return fetch(url)[0]
    except OSError:
        return 0


def tls_answers(port: int, authority: Path) -> bool:
    """Say whether somebody on loopback shows a certificate of this authority."""
    context = ssl.create_default_context(cafile=str(authority))
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=1) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1"),
        ):
            return True
    except OSError:
        return False


def connection_string(dsn: Dsn) -> str:
    """Return a DSN as configuration text."""
    return f"mysql://{quote(dsn.user, safe='')}:{quote(dsn.password, safe='')}@{dsn.host}:{dsn.port}/{dsn.database}"


@dataclass(frozen=True, slots=True)
class Served:
    """The session's service, and the operator who hands out root keys for it."""

    service: Service
    admin_service: AdminService
    database: Database
    """The tests' own connection to the same database."""

    @property
    def base(self) -> str:
        """URL of the HTTP/1.1 listener."""
        return self.service.base

    async def caller(self, *permissions: str, workspace_id: str = "") -> Caller:
        """Return a fresh root key with exactly these permissions; in a fresh workspace unless one is given."""
        workspace_id = workspace_id or await self.admin_service.create_workspace("Test", f"test-{secrets.token_hex(8)}")
        issued = await self.admin_service.create_root_key(workspace_id, "test", permissions)
        return Caller(workspace_id, issued.secret.reveal())

    async def admin(self) -> Caller:
        """Return a root key that may do everything, in a fresh workspace."""
        workspace_id = await self.admin_service.create_workspace("Test", f"test-{secrets.token_hex(8)}")
        return await self.caller(*all_permissions(workspace_id), workspace_id=workspace_id)


def served_by(service: Service, database: Database) -> Served:
    """Put a service and the admin service on its database together."""
    return Served(service, admin_of(database), database)


def admin_of(database: Database) -> AdminService:
    """Return the admin service on a database."""
    clock, ids = SystemClock(), RandomIds()
    audit = AuditLog(clock=clock, ids=ids)
    return AdminService(database, audit=audit, clock=clock, ids=ids, random_bytes=secrets.token_bytes)


@pytest.fixture(scope="session")
async def served_vault(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Vault]:
    """A vault for served processes."""
    async with vault(tmp_path_factory.mktemp("vault"), free_ports(1)[0], Secret(VAULT_TOKEN)) as running:
        yield running


@pytest.fixture(scope="session")
def served_database(mysql_server: MysqlServer, mysql_dsn: Dsn) -> str:
    """How served processes reach the session's database."""
    return connection_string(mysql_server.tcp_dsn(mysql_dsn.database))


@pytest.fixture(scope="session")
def served(
    served_database: str,
    redis_server: RedisServer,
    served_vault: Vault,
    clickhouse_server: ClickHouse,
    database: Database,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """The session's service: two workers, both listeners, metrics, a vault. Tests use workspaces of their own."""
    options = ServeOptions(
        database=served_database,
        redis=redis_server.url,
        vault=served_vault,
        analytics=clickhouse_server.url,
        workers=2,
    )
    with serving(options, tmp_path_factory.mktemp("served")) as service:
        yield served_by(service, database)
