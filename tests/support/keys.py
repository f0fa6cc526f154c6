"""A service of keys in front of a real database and a real Redis, with what a test needs to fill both."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.asgi import Answer, Client
from tests.support.clock import FixedClock
from tests.support.key_surroundings import Events, ReversingVault, Unobserved, Unthrottled
from tests.support.mysql import run_sql, store
from tests.support.statements import StatementRecorder
from unkey_api.app import Application, Platform
from unkey_api.areas.apis.live import LiveApis, api_cache
from unkey_api.areas.keys.credits.limiter import open_credit_limiter
from unkey_api.areas.keys.credits.queries import SqlCreditBalances
from unkey_api.areas.keys.schemes.bounded import open_slow_hashes
from unkey_api.areas.keys.schemes.finding import ForeignHashes
from unkey_api.areas.keys.schemes.salted import HashCaps
from unkey_api.areas.keys.verification.directory import KeyCache, KeyDirectory, key_cache
from unkey_api.areas.keys.wiring import AREA as KEYS
from unkey_api.areas.parts import Parts
from unkey_api.areas.projects.service import DefaultProject
from unkey_api.areas.ratelimit.engine.running import open_rate_limiter
from unkey_api.areas.shared import Shared
from unkey_api.audit.service import AuditLog
from unkey_api.auth.chain import AuthenticationChain
from unkey_api.auth.root_key import RootKeys
from unkey_api.container.areas import built
from unkey_api.container.revocation import ChangedCaches
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import ALPHABET, KeyHash, RandomIds
from unkey_api.core.secret import Secret
from unkey_api.infra import passwords
from unkey_api.infra.invalidation.ports import IN_WORKSPACE, PLAIN, KeyText, NamedCaches
from unkey_api.infra.mysql import Database, Dsn, Statement
from unkey_api.infra.redis.client import RedisClient
from unkey_api.infra.redis.counters import RedisCounters, RedisCredits
from unkey_api.infra.resilience.tasks import BackgroundJobs
from unkey_api.rpc.bodies.budget import BodyLimits
from unkey_api.rpc.documents import Documents
from unkey_api.rpc.health import Health, Phase
from unkey_api.settings.stores import CacheSettings

START_MS = 1_750_000_020_000
"""Start of a minute."""
PEPPER = "a pepper of the old system"
SLOW_PER_SECOND = 2.0
OPERATOR = "ws_operator"
NOT_HERE: Any = object()  # Any: stands for whatever only areas need that are not served here


def fresh(prefix: str) -> str:
    """Return an id nobody else uses."""
    return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(12))}"


def hash_of(secret: str) -> str:
    """Return what must be stored of a secret, worked out without our own code."""
    return base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode()


@dataclass(frozen=True, slots=True)
class Api:
    """An API and its keyspace."""

    id: str
    keyspace_id: str
    workspace_id: str


@dataclass(frozen=True, slots=True)
class Key:
    """A stored key with its secret."""

    id: str
    secret: str
    hash: str


@dataclass
class KeyWorld:
    """The keys service and its stores."""

    database: Database
    dsn: Dsn
    statements: StatementRecorder
    clock: FixedClock
    cache: KeyCache
    jobs: BackgroundJobs
    directory: KeyDirectory
    events: Events
    client: Client
    vault: ReversingVault
    workspace_id: str = ""
    api: Api = field(default_factory=lambda: Api("", "", ""))
    root: str = ""
    """A root key that may do everything with APIs and roles."""

    # ---- calling

    async def call(self, method: str, body: object, *, root: str | None = None) -> Answer:
        """Call an operation over HTTP/JSON with a root key."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {root or self.root}"}
        return await self.client.post(f"/v2/keys.{method}", body, headers=headers)

    async def ok(self, method: str, body: object, *, root: str | None = None) -> Any:
        """Call an operation that must succeed and return its `data`."""
        answer = await self.call(method, body, root=root)
        assert answer.status == 200, answer.body
        return answer.json["data"]

    async def verify(self, secret: str, *, root: str | None = None, **body: Any) -> Any:
        """Verify a key and return `data`."""
        return await self.ok("verifyKey", {"key": secret, **body}, root=root)

    async def create(self, *, root: str | None = None, **body: Any) -> Any:
        """Create a key in the world's API and return `data`."""
        return await self.ok("createKey", {"apiId": self.api.id, **body}, root=root)

    def later(self, milliseconds: int) -> None:
        """Let time pass."""
        self.clock.advance(milliseconds)

    # ---- stored things

    async def insert(self, table: str, **columns: Any) -> None:
        """Insert a row."""
        names = ", ".join(f"`{name}`" for name in columns)
        values = ", ".join(f"%({name})s" for name in columns)
        statement = Statement(f"test_{table}", f"INSERT INTO `{table}` ({names}) VALUES ({values})")
        await store(self.database, self.dsn, statement, columns)

    async def sql(self, text: str) -> list[tuple[object, ...]]:
        """Run any statement and return its rows."""
        return await run_sql(self.dsn, text)

    async def update(self, table: str, id_: str, **columns: Any) -> None:
        """Change a row."""
        changes = ", ".join(f"`{name}` = %({name})s" for name in columns)
        statement = Statement("test_update", f"UPDATE `{table}` SET {changes} WHERE id = %(row_id)s")
        await store(self.database, self.dsn, statement, {**columns, "row_id": id_})

    async def one(self, table: str, id_: str, *columns: str, by: str = "id") -> tuple[object, ...]:
        """Return columns of the row with this id."""
        names = ", ".join(f"`{name}`" for name in columns)
        rows = await self.sql(f"SELECT {names} FROM `{table}` WHERE `{by}` = '{id_}'")
        assert len(rows) == 1, rows
        return rows[0]

    async def count(self, table: str, where: str) -> int:
        """Return how many rows there are."""
        return int(str((await self.sql(f"SELECT COUNT(*) FROM `{table}` WHERE {where}"))[0][0]))

    async def audit(self, workspace_id: str | None = None) -> list[Any]:
        """Return the audit entries of a workspace, oldest first."""
        owner = workspace_id or self.workspace_id
        rows = await self.sql(f"SELECT payload FROM clickhouse_outbox WHERE workspace_id = '{owner}' ORDER BY pk")
        return [orjson.loads(str(row[0])) for row in rows]

    async def workspace(self, *, enabled: bool = True) -> str:
        """Make a workspace and its default project."""
        id_ = fresh("ws")
        await self.insert(
            "workspaces", id=id_, org_id=fresh("org"), name="w", slug=id_, beta_features="{}", enabled=enabled
        )
        await self.insert(
            "projects", id=fresh("proj"), workspace_id=id_, name="Default", slug="default", created_at=START_MS
        )
        return id_

    async def make_api(self, workspace_id: str | None = None, **columns: Any) -> Api:
        """Make an API with its keyspace; `keyspace_…` go to the latter."""
        workspace_id = workspace_id or self.workspace_id
        api = Api(fresh("api"), fresh("ks"), workspace_id)
        of_keyspace = {k.removeprefix("keyspace_"): v for k, v in columns.items() if k.startswith("keyspace_")}
        of_api = {k: v for k, v in columns.items() if not k.startswith("keyspace_")}
        await self.insert(
            "key_auth", **{"id": api.keyspace_id, "workspace_id": workspace_id, "project_id": "proj_x", **of_keyspace}
        )
        base = {"id": api.id, "name": "payments", "workspace_id": workspace_id, "project_id": "proj_x"}
        await self.insert("apis", **{**base, "key_auth_id": api.keyspace_id, **of_api})
        return api

    async def key(self, api: Api | None = None, *, secret: str = "", **columns: Any) -> Key:
        """Store a key."""
        api = api or self.api
        secret = secret or fresh("sk")
        key = Key(fresh("key"), secret, hash_of(secret))
        base = {
            "id": key.id,
            "key_auth_id": api.keyspace_id,
            "hash": key.hash,
            "start": secret[:7],
            "workspace_id": api.workspace_id,
            "created_at_m": START_MS,
        }
        await self.insert("keys", **{**base, **columns})
        return key

    async def root_key(self, *permissions: str, workspace_id: str | None = None, **columns: Any) -> Key:
        """Store a root key."""
        operator = await self._operator()
        key = await self.key(operator, for_workspace_id=workspace_id or self.workspace_id, **columns)
        await self.grant(key.id, permissions, workspace_id=OPERATOR)
        return key

    async def grant(self, key_id: str, slugs: Sequence[str], *, workspace_id: str | None = None) -> list[str]:
        """Give a key permissions, creating them; return their ids."""
        workspace_id = workspace_id or self.workspace_id
        ids = []
        for slug in slugs:
            id_ = await self.permission(slug, workspace_id=workspace_id)
            await self.insert("keys_permissions", key_id=key_id, permission_id=id_, workspace_id=workspace_id)
            ids.append(id_)
        return ids

    async def permission(self, slug: str, *, workspace_id: str | None = None) -> str:
        """Return a permission, creating it."""
        workspace_id = workspace_id or self.workspace_id
        found = await self.sql(f"SELECT id FROM permissions WHERE workspace_id = '{workspace_id}' AND slug = '{slug}'")
        if found:
            return str(found[0][0])
        id_ = fresh("perm")
        base = {"id": id_, "workspace_id": workspace_id, "project_id": "proj_x"}
        await self.insert("permissions", **base, name=slug, slug=slug)
        return id_

    async def role(self, name: str, *slugs: str, workspace_id: str | None = None) -> str:
        """Make a role with permissions and return its id."""
        workspace_id = workspace_id or self.workspace_id
        id_ = fresh("role")
        await self.insert("roles", id=id_, workspace_id=workspace_id, project_id="proj_x", name=name)
        for slug in slugs:
            permission_id = await self.permission(slug, workspace_id=workspace_id)
            await self.insert("roles_permissions", role_id=id_, permission_id=permission_id, workspace_id=workspace_id)
        return id_

    async def give_role(self, key_id: str, role_id: str) -> None:
        """Link a key to a role."""
        await self.insert("keys_roles", key_id=key_id, role_id=role_id, workspace_id=self.workspace_id)

    async def identity(self, external_id: str = "", **columns: Any) -> str:
        """Make an identity and return its id."""
        id_ = fresh("id")
        base = {"id": id_, "external_id": external_id or fresh("user"), "workspace_id": self.workspace_id}
        await self.insert(
            "identities", **{**base, "project_id": "proj_x", "meta": "{}", "created_at": START_MS, **columns}
        )
        return id_

    async def limit(self, name: str, **columns: Any) -> str:
        """Attach a limit to a key (`key_id`) or an identity (`identity_id`)."""
        id_ = fresh("rl")
        base = {"id": id_, "name": name, "workspace_id": self.workspace_id, "created_at": START_MS}
        await self.insert("ratelimits", **{**base, "limit": 10, "duration": 60_000, "auto_apply": True, **columns})
        return id_

    async def _operator(self) -> Api:
        if not await self.sql(f"SELECT 1 FROM workspaces WHERE id = '{OPERATOR}'"):
            await self.insert(
                "workspaces", id=OPERATOR, org_id=fresh("org"), name="operator", slug=OPERATOR, beta_features="{}"
            )
        return await self.make_api(OPERATOR)


ALL = tuple(
    f"api.*.{action}"
    for action in (
        "verify_key", "create_key", "read_key", "update_key", "delete_key", "encrypt_key", "decrypt_key",
    )
)  # fmt: skip
RBAC = tuple(
    f"rbac.*.{action}"
    for action in (
        "add_permission_to_key", "remove_permission_from_key", "add_role_to_key", "create_permission",
    )
)  # fmt: skip


@pytest.fixture
async def world(
    database: Database, mysql_dsn: Dsn, statements: StatementRecorder, redis: RedisClient
) -> AsyncIterator[KeyWorld]:
    """A fresh workspace with one API and an almighty root key, and a service that has cached nothing yet."""
    clock = FixedClock(START_MS)
    ids = RandomIds()
    jobs = BackgroundJobs("test")
    cache = key_cache(CacheSettings(), clock=clock, refreshes=jobs)
    directory = KeyDirectory(cache, database)
    apis = api_cache(clock=clock, refreshes=jobs)
    named = NamedCaches()
    named.add(cache, KeyText(str, KeyHash))
    named.add(directory.owners, PLAIN)
    named.add(apis, IN_WORKSPACE)
    events, vault = Events(), ReversingVault()
    audit = AuditLog(clock=clock, ids=ids)
    async with AsyncExitStack() as stack:
        stack.callback(database.listen(ChangedCaches(named).apply))
        limiter = await stack.enter_async_context(
            open_rate_limiter(RedisCounters(redis), clock=clock, observer=Unobserved(), jitter=lambda: 0.0)
        )
        slow = await stack.enter_async_context(
            open_slow_hashes(passwords.verify, clock=clock, threads=1, per_second=SLOW_PER_SECOND)
        )
        balances = SqlCreditBalances(database.primary)
        credit_limiter = await stack.enter_async_context(
            open_credit_limiter(RedisCredits(redis, SystemClock()), balances, clock=clock, observer=Unobserved())
        )
        projects = DefaultProject(clock=clock, ids=ids)
        shared = Shared(
            parts=Parts(database=database, audit=audit, projects=projects, clock=clock, ids=ids),
            vault=vault,
            random_bytes=secrets.token_bytes,
            region="test",
            apis=LiveApis(apis, database.reads_of),
            namespaces=NOT_HERE,
            creation=NOT_HERE,
            limiter=limiter,
            ratelimits=NOT_HERE,
            directory=directory,
            foreign=ForeignHashes(database.reads_of, slow, [Secret(PEPPER)]),
            hash_caps=HashCaps(),
            credits=credit_limiter,
            verifications=events,
            callers=NOT_HERE,
            connections=NOT_HERE,
        )
        client = Client(_application(shared, clock))
        made = KeyWorld(
            database, mysql_dsn, statements, clock, cache, jobs, directory, events, client, vault
        )  # fmt: skip
        made.workspace_id = await made.workspace()
        made.api = await made.make_api()
        made.root = (await made.root_key(*ALL, *RBAC)).secret
        yield made
        await jobs.close()
        await cache.close()


def _application(shared: Shared, clock: FixedClock) -> Application:
    health = Health()
    health.phase = Phase.SERVING
    platform = Platform(
        clock=clock,
        ids=RandomIds(),
        authenticator=AuthenticationChain([RootKeys(shared.directory, clock)]),
        throttle=Unthrottled(),
        observers=(),
        on_panic=_raise_panic,
        on_observer_error=_raise_panic,
        documents=Documents({}, assets=Path("/nowhere")),
        health=health,
        request_timeout=timedelta(seconds=60),
        bodies=BodyLimits(max_bytes=10_000_000),
    )
    return Application(platform, built(shared, [KEYS]))


def _raise_panic(_: object, error: BaseException) -> None:
    raise error
