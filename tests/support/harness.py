"""The whole service in process, on real stores, called as callers call it.

`api` is one application for the session, built by the production composition root; each test makes its own workspace.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar
from urllib.parse import quote

import pytest
from connectrpc.client import ConnectClient
from connectrpc.code import Code
from connectrpc.codec import proto_binary_codec, proto_json_codec
from connectrpc.errors import ConnectError
from pyqwest import Client as HttpClient
from pyqwest.testing import ASGITransport
from unkey_proto.unkey.apis.v2.apis_connect import ApisServiceClient
from unkey_proto.unkey.common.v1.error_detail_pb import ErrorDetail
from unkey_proto.unkey.identities.v2.identities_connect import IdentitiesServiceClient
from unkey_proto.unkey.keys.v2.keys_connect import KeysServiceClient
from unkey_proto.unkey.liveness.v2.liveness_connect import LivenessServiceClient
from unkey_proto.unkey.permissions.v2.permissions_connect import PermissionsServiceClient
from unkey_proto.unkey.ratelimit.v2.ratelimit_connect import RatelimitServiceClient
from unkey_proto.unkey.rootkeys.v2.rootkeys_connect import RootKeysServiceClient

from tests.support.asgi import Answer, Client
from tests.support.clock import FixedClock
from tests.support.frozen import COPIES, LAG_MAX
from tests.support.mysql import MysqlServer, run_sql
from tests.support.redis import RedisServer
from tests.support.statements import StatementRecorder
from tests.support.waiting import eventually
from unkey_api.admin.service import AdminService
from unkey_api.admin.types import all_permissions
from unkey_api.audit.service import AuditLog
from unkey_api.container.application import open_application
from unkey_api.container.runtime import Runtime
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import RandomIds
from unkey_api.infra.mysql import Database, Dsn
from unkey_api.rpc.health import Phase
from unkey_api.settings.conversion import format_duration
from unkey_api.settings.load import load_settings

RPC = TypeVar("RPC", bound=ConnectClient)
__all__ = ["Caller", "Harness", "raises_code"]


@dataclass(frozen=True, slots=True)
class Caller:
    """A workspace and a root key that acts for it."""

    workspace_id: str
    root_key: str


class CommandRecorder:
    """Remembers the names of Redis commands."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_command(self, command: str, seconds: float, error: BaseException | None) -> None:
        self.names.append(command)


class Harness:
    """The application and short ways to call it."""

    def __init__(
        self,
        app: Any,
        database: Database,
        clock: FixedClock,
        statements: StatementRecorder,
        commands: CommandRecorder,
    ) -> None:
        self.app = app
        self.database = database
        """The tests' own connection to the same database."""
        self.clock = clock
        self.statements = statements
        self.commands = commands
        self.client = Client(app)
        """Calls without a root key of ours."""
        ids = RandomIds()
        audit = AuditLog(clock=clock, ids=ids)
        self.admin_service = AdminService(database, audit=audit, clock=clock, ids=ids, random_bytes=secrets.token_bytes)

    async def caller(self, *permissions: str, workspace_id: str = "") -> Caller:
        """Return a fresh root key with exactly these permissions; in a fresh workspace unless one is given."""
        workspace_id = workspace_id or await self.admin_service.create_workspace("Test", f"test-{secrets.token_hex(8)}")
        issued = await self.admin_service.create_root_key(workspace_id, "test", permissions)
        return await self.known(Caller(workspace_id, issued.secret.reveal()))

    async def known(self, caller: Caller) -> Caller:
        """Return a caller that was made beside the service, once it has heard of it, whatever the replica says."""

        async def heard() -> bool:
            return (await self.post("/v2/apis.getApi", {"apiId": "api_none"}, caller)).status != 401

        if COPIES.databases:
            await eventually(heard)
        return caller

    async def admin(self) -> Caller:
        """Return a root key that may do everything, in a fresh workspace."""
        workspace_id = await self.admin_service.create_workspace("Test", f"test-{secrets.token_hex(8)}")
        return await self.caller(*all_permissions(workspace_id), workspace_id=workspace_id)

    async def post(self, path: str, body: object, caller: Caller | str, **headers: str) -> Answer:
        """Call an operation over HTTP/JSON. Keyword arguments become headers, with `_` for `-`."""
        root_key = caller if isinstance(caller, str) else caller.root_key
        sent = {"content-type": "application/json", "authorization": f"Bearer {root_key}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, body, headers=sent)

    def rpc(self, client: type[RPC], caller: Caller | None = None, *, proto_json: bool = False) -> RPC:
        """Return a generated Connect client whose calls carry the caller's root key."""
        codec = proto_json_codec() if proto_json else proto_binary_codec()
        options: dict[str, Any] = {"http_client": HttpClient(ASGITransport(self.app)), "codec": codec}
        if caller is not None:
            options["interceptors"] = [_Credential(caller.root_key)]
        return client("http://unkey.test", **options)

    def apis(self, caller: Caller) -> ApisServiceClient:
        return self.rpc(ApisServiceClient, caller)

    def keys(self, caller: Caller) -> KeysServiceClient:
        return self.rpc(KeysServiceClient, caller)

    def ratelimit(self, caller: Caller) -> RatelimitServiceClient:
        return self.rpc(RatelimitServiceClient, caller)

    def identities(self, caller: Caller) -> IdentitiesServiceClient:
        return self.rpc(IdentitiesServiceClient, caller)

    def permissions(self, caller: Caller) -> PermissionsServiceClient:
        return self.rpc(PermissionsServiceClient, caller)

    def root_keys(self, caller: Caller) -> RootKeysServiceClient:
        return self.rpc(RootKeysServiceClient, caller)

    def liveness(self) -> LivenessServiceClient:
        return self.rpc(LivenessServiceClient)

    def now(self) -> UnixMs:
        """Return the service's present instant."""
        return UnixMs(self.clock.now_ms())


class _Credential:
    """Adds the Authorization header to every call."""

    def __init__(self, root_key: str) -> None:
        self._value = f"Bearer {root_key}"

    async def on_start(self, ctx: Any) -> None:
        ctx.request_headers["authorization"] = self._value

    async def on_end(self, token: None, ctx: Any, error: Exception | None, /) -> None:
        """Nothing to undo."""


class raises_code:  # noqa: N801 - reads like pytest.raises
    """Expect a ConnectError of this code; afterwards `detail` holds our error detail."""

    def __init__(self, code: Code, urn: str = "") -> None:
        self._code = code
        self._urn = urn
        self.detail = ErrorDetail()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        assert isinstance(error, ConnectError), f"expected {self._code}, got {error!r}"
        assert error.code is self._code, error
        found = error.details[0].value(ErrorDetail) if error.details else None
        self.detail = found or self.detail
        if self._urn:
            assert self.detail.urn == self._urn
        return True


def mysql_url(dsn: Dsn) -> str:
    """Return a connection string."""
    return f"mysql://{quote(dsn.user, safe='')}:{quote(dsn.password, safe='')}@{dsn.host}:{dsn.port}/{dsn.database}"


def configuration(dsn: Dsn, redis_url: str, **sections: str) -> str:
    """Return TOML for the service on these stores."""
    lines = [
        f'redis_url = "{redis_url}"',
        'region = "test"',
        "workers = 1",
        *(f"{key} = {value}" for key, value in sections.items()),
        "[failed_credentials]",
        "burst = 1_000_000",  # the clock of tests stands still, and all their callers have one address
        "[database]",
        f'primary = "{mysql_url(dsn)}"',
        "[[auth]]",
        'type = "root_key"',
    ]
    return "\n".join(lines)


@pytest.fixture(scope="session")
async def api(
    mysql_server: MysqlServer,
    mysql_dsn: Dsn,
    redis_server: RedisServer,
    database: Database,
) -> AsyncIterator[Harness]:
    """The service on the session's stores, with a clock the test moves."""
    clock = FixedClock()
    address = mysql_server.tcp_dsn(mysql_dsn.database)
    text = configuration(address, redis_server.url)
    copy = COPIES.of(mysql_dsn.database)
    if copy:
        heads = f"REPLACE INTO {copy}.change_lanes SELECT * FROM {address.database}.change_lanes"
        await run_sql(mysql_server.dsn(copy), heads)
        text += f'\n[revocation]\nfollow_every = "50ms"\nreplica_lag_max = "{format_duration(LAG_MAX)}"\n'
    environment = {"UNKEY_DATABASE_READONLY_REPLICA": mysql_url(replace(address, database=copy))} if copy else {}
    settings = load_settings(text, environment)
    commands, statements = CommandRecorder(), StatementRecorder()
    # Not the first worker, which would trim the log of changes by a clock that tests move.
    runtime = Runtime(clock=clock, jitter=lambda: 0.0, statements=statements, commands=commands, worker=1)
    async with open_application(settings, runtime) as served:
        served.health.phase = Phase.SERVING
        if copy:
            # Of what is there now it has everything: it is believed from here on.
            clock.advance(int(LAG_MAX.total_seconds() * 1_000))
            await eventually(lambda: statements.replica_was_asked)
        yield Harness(served.app, database, clock, statements, commands)
