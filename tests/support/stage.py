"""The areas that need no keys, behind the real chain: real handlers, real MariaDB, callers made up by the test."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.asgi import Answer, Client
from tests.support.clock import FixedClock
from tests.support.mysql import run_sql, settings_for
from tests.support.statements import StatementRecorder
from unkey_api.app import Application, Platform
from unkey_api.areas.apis.live import LiveApis, api_cache
from unkey_api.areas.apis.wiring import AREA as APIS
from unkey_api.areas.identities.wiring import AREA as IDENTITIES
from unkey_api.areas.liveness.wiring import AREA as LIVENESS
from unkey_api.areas.parts import Parts
from unkey_api.areas.permissions.wiring import AREA as PERMISSIONS
from unkey_api.areas.projects.service import DefaultProject
from unkey_api.areas.ratelimit.engine.counts import StoreOperation
from unkey_api.areas.ratelimit.engine.running import LimiterParts, build_rate_limiter
from unkey_api.areas.ratelimit.engine.store import Increment
from unkey_api.areas.ratelimit.namespaces import NamespaceCreation, Namespaces, namespace_cache
from unkey_api.areas.ratelimit.wiring import AREA as RATELIMIT
from unkey_api.areas.shared import Shared
from unkey_api.audit.service import AuditLog
from unkey_api.auth.throttle import RequestThrottle
from unkey_api.auth.workspaces import limits_cache
from unkey_api.container.areas import built
from unkey_api.container.revocation import ChangedCaches
from unkey_api.core.errors import AppError, ErrorCode, ServiceUnavailable
from unkey_api.core.ids import ALPHABET, RandomIds
from unkey_api.core.principal import Principal, SubjectType
from unkey_api.infra.batching.batcher import Offer
from unkey_api.infra.clickhouse.rows import RatelimitRow
from unkey_api.infra.invalidation.ports import IN_WORKSPACE, NamedCaches
from unkey_api.infra.mysql import Database, Dsn, log_orphan
from unkey_api.infra.resilience.tasks import BackgroundJobs
from unkey_api.infra.vault import VaultClient
from unkey_api.rpc.bodies.budget import BodyLimits
from unkey_api.rpc.documents import Documents
from unkey_api.rpc.health import Health, Phase
from unkey_api.rpc.observers.reports import CacheTiming

Sql = str | int | None
NOT_HERE: Any = object()  # Any: stands for whatever only areas need that this stage does not have


class CounterLedger:
    """A store of counters in memory that notes each round trip; it can be turned off."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.round_trips = 0
        self.down = False

    async def read_many(self, keys: Sequence[str]) -> list[int]:
        self._enter()
        return [self.values.get(key, 0) for key in keys]

    async def increment_many(self, increments: Sequence[Increment]) -> list[int | None]:
        self._enter()
        for increment in increments:
            self.values[increment.key] = self.values.get(increment.key, 0) + increment.amount
        return [self.values[increment.key] for increment in increments]

    def store_called(self, operation: StoreOperation, counters: int, seconds: float, failure: str | None) -> None:
        """Satisfies the limiter's observer."""

    def _enter(self) -> None:
        self.round_trips += 1
        if self.down:
            raise ServiceUnavailable("away")


class Rows:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[RatelimitRow] = []

    def add(self, row: RatelimitRow, /) -> Offer:
        self.taken.append(row)
        return Offer.BUFFERED


class UnknownCallerError(AppError):
    """Nobody has this token."""

    code = ErrorCode.AUTHENTICATION_KEY_NOT_FOUND


@dataclass
class Callers:
    """An authenticator that knows the tokens the test made up."""

    known: dict[str, Principal] = field(default_factory=dict)

    def recognise(self, authorization: str | None, cookie: str | None) -> Principal | None:
        return None

    async def authenticate(self, authorization: str | None, cookie: str | None) -> Principal:
        principal = self.known.get((authorization or "").removeprefix("Bearer "))
        if principal is None:
            raise UnknownCallerError("The provided root key is invalid.")
        return principal


@dataclass
class Node:
    """One process's worth of caches and counters over shared stores."""

    client: Client
    limiter: LimiterParts
    rows: Rows
    refreshes: BackgroundJobs
    namespaces: Namespaces
    creation: NamespaceCreation
    close: Callable[[], Awaitable[None]]


@dataclass
class Stage:
    """Everything a test may turn."""

    database: Database
    dsn: Dsn
    statements: StatementRecorder
    clock: FixedClock = field(default_factory=FixedClock)
    ids: RandomIds = field(default_factory=RandomIds)
    callers: Callers = field(default_factory=Callers)
    counters: CounterLedger = field(default_factory=CounterLedger)
    vault: VaultClient | None = None
    """Set it before the first request."""
    nodes: list[Node] = field(default_factory=list)

    @property
    def node(self) -> Node:
        """The first node."""
        return self.nodes[0] if self.nodes else self.add_node()

    @property
    def rows(self) -> list[RatelimitRow]:
        """The analytics rows of the first node."""
        return self.node.rows.taken

    def token(self, prefix: str = "x") -> str:
        """Return a text nobody else uses."""
        return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(12))}"

    def workspace(self) -> str:
        """Return a workspace nobody else uses."""
        return self.token("ws")

    def root_key(self, workspace_id: str, *permissions: str) -> str:
        """Return a token that acts in the workspace with these permissions."""
        token = self.token("root")
        principal = Principal(workspace_id, f"key_{token}", "root key", SubjectType.ROOT_KEY, frozenset(permissions))
        self.callers.known[token] = principal
        return token

    def add_node(self) -> Node:
        """Start another node on the same stores."""
        # A node hears of what its own database object commits: the further ones get their own.
        node = build_node(self, self._own_database() if self.nodes else self.database)
        self.nodes.append(node)
        return node

    def _own_database(self) -> Database:
        settings = settings_for(self.dsn)
        return Database(settings, clock=self.clock, observer=self.statements, on_orphan_error=log_orphan)

    async def post(
        self, path: str, body: object, *, root_key: str = "", headers: Mapping[str, str] | None = None, node: int = 0
    ) -> Answer:
        """POST a JSON body on the HTTP/JSON surface."""
        sent = {"content-type": "application/json", **(headers or {})}
        if root_key:
            sent["authorization"] = f"Bearer {root_key}"
        while len(self.nodes) <= node:
            self.add_node()
        return await self.nodes[node].client.post(path, json.dumps(body), headers=sent)

    async def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement apart from the service."""
        return await run_sql(self.dsn, statement)

    async def insert(self, table: str, **values: Sql) -> None:
        """Insert one row."""
        columns = ", ".join(f"`{name}`" for name in values)
        await self.sql(f"INSERT INTO `{table}` ({columns}) VALUES ({', '.join(map(literal, values.values()))})")

    async def audits(self, workspace_id: str) -> list[dict[str, Any]]:
        """Return the audit entries of a workspace, oldest first."""
        found = await self.sql(
            f"SELECT payload FROM clickhouse_outbox WHERE workspace_id = '{workspace_id}' ORDER BY pk"
        )
        return [json.loads(row[0]) for row in found]

    async def close(self) -> None:
        """End what runs behind."""
        for node in self.nodes:
            await node.creation.close()
            await node.refreshes.close()
            await node.limiter.loader.close()
            await node.close()


@pytest.fixture
async def stage(database: Database, mysql_dsn: Dsn, statements: StatementRecorder) -> AsyncIterator[Stage]:
    """A stage of this test alone; workspaces and ids are fresh, the database is shared."""
    opened = Stage(database, mysql_dsn, statements)
    yield opened
    await opened.close()


def literal(value: Sql) -> str:
    """Return a value as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(int(value))
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def build_node(stage: Stage, database: Database) -> Node:
    """Put one node together."""
    clock, ids = stage.clock, stage.ids
    refreshes = BackgroundJobs("test.refreshes")
    timing = CacheTiming()
    audit = AuditLog(clock=clock, ids=ids)
    projects = DefaultProject(clock=clock, ids=ids)
    parts = Parts(database=database, audit=audit, projects=projects, clock=clock, ids=ids)
    limiter = build_rate_limiter(stage.counters, clock=clock, observer=stage.counters)
    rows = Rows()
    named = NamedCaches()
    namespace_entries = namespace_cache(clock=clock, refreshes=refreshes, observer=timing)
    named.add(namespace_entries, IN_WORKSPACE)
    apis = api_cache(clock=clock, refreshes=refreshes, observer=timing)
    named.add(apis, IN_WORKSPACE)
    end = database.listen(ChangedCaches(named).apply)
    namespaces = Namespaces(namespace_entries, database)
    creation = NamespaceCreation(parts, namespaces)
    shared = Shared(
        parts=parts,
        vault=stage.vault,
        random_bytes=NOT_HERE,
        region="test",
        apis=LiveApis(apis, database.reads_of),
        namespaces=namespaces,
        creation=creation,
        limiter=limiter.limiter,
        ratelimits=rows,
        directory=NOT_HERE,
        foreign=NOT_HERE,
        hash_caps=NOT_HERE,
        credits=NOT_HERE,
        verifications=NOT_HERE,
        callers=NOT_HERE,
        connections=NOT_HERE,
        test_mode=True,
    )
    services = built(shared, [LIVENESS, APIS, RATELIMIT, IDENTITIES, PERMISSIONS])
    throttle = RequestThrottle(
        limits_cache(clock=clock, refreshes=refreshes, observer=timing), database.reads_of, limiter.limiter, clock=clock
    )
    client = Client(Application(_platform(stage, throttle), services))

    async def close() -> None:
        end()
        if database is not stage.database:
            await database.close()

    return Node(client, limiter, rows, refreshes, namespaces, creation, close)


def _platform(stage: Stage, throttle: RequestThrottle) -> Platform:
    return Platform(
        clock=stage.clock,
        ids=stage.ids,
        authenticator=stage.callers,
        throttle=throttle,
        observers=(),
        on_panic=_raise,
        on_observer_error=_raise,
        documents=Documents({}, assets=Path("/nowhere")),
        health=_serving(),
        request_timeout=timedelta(seconds=60),
        bodies=BodyLimits(max_bytes=8_000_000),
    )


def _serving() -> Health:
    health = Health()
    health.phase = Phase.SERVING
    return health


def _raise(_: object, error: BaseException) -> None:
    raise error


def names(statements: Iterable[Any]) -> list[str]:
    """Return the names of recorded statements, without begins and commits."""
    return [seen.name for seen in statements if seen.operation not in {"begin", "commit", "rollback"}]
