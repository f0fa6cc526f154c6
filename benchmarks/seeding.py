"""The keys that are verified, written the way the service writes them."""

from __future__ import annotations

import secrets
import tomllib
from dataclasses import dataclass

from unkey_api.areas.keys.queries import NewKey, NewRatelimit, find_issuing_api, insert_keys, put_ratelimits
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix, IdSource, KeyId, KeyspaceId, RatelimitId
from unkey_api.core.keymaterial import KeyMaterial, generate_key
from unkey_api.dev.stack import Stack
from unkey_api.infra.mysql import Database, MysqlSettings, WriteConn, log_orphan, open_database, parse_dsn

PLENTY = 1_000_000_000  # never used up within a run, so that every verification takes the way of success
WINDOW_MS = 60_000
CHUNK = 2_000  # keys per transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """Secrets of the keys, by what they are for."""

    root_key: str
    plain: str
    limited: str
    """Has one automatic rate limit."""
    counted: str
    """Has credits."""
    unseen: tuple[str, ...]
    """Never presented before."""


async def seed(stack: Stack, *, unseen: int, clock: Clock, ids: IdSource) -> Seeded:
    """Create the keys in the demo API."""
    dsn = tomllib.loads(stack.config.read_text())["database"]["primary"]
    async with open_database(
        MysqlSettings(primary=parse_dsn(dsn)), clock=clock, on_orphan_error=log_orphan
    ) as database:
        return await _Seeding(database, stack, clock=clock, ids=ids).run(unseen)


class _Seeding:
    def __init__(self, database: Database, stack: Stack, *, clock: Clock, ids: IdSource) -> None:
        self._database = database
        self._demo = stack.demo
        self._now = UnixMs(clock.now_ms())
        self._ids = ids
        self._keyspace = KeyspaceId("")

    async def run(self, unseen: int) -> Seeded:
        api = await find_issuing_api(self._database.replica, self._demo.api_id)
        if api is None or api.keyspace_id is None:
            raise RuntimeError("the demo data has no API; delete the data folder of the benchmark")
        self._keyspace = api.keyspace_id
        plain, limited, counted = (generate_key(secrets.token_bytes, byte_length=16) for _ in range(3))
        many = [generate_key(secrets.token_bytes, byte_length=16) for _ in range(unseen)]
        first = [self._row(plain), self._row(limited), self._row(counted, credits=PLENTY)]

        async def write(tx: WriteConn) -> None:
            await insert_keys(tx, first)
            await put_ratelimits(tx, [self._limit(first[1].id)])

        await self._database.transaction("bench.seed", write)
        for start in range(0, unseen, CHUNK):
            rows = [self._row(material) for material in many[start : start + CHUNK]]
            await self._database.transaction("bench.seed", lambda tx, rows=rows: insert_keys(tx, rows))  # type: ignore[misc]  # a default binds the loop's value
        texts = tuple(material.plaintext.reveal() for material in many)
        return Seeded(
            root_key=self._demo.root_key,
            plain=plain.plaintext.reveal(),
            limited=limited.plaintext.reveal(),
            counted=counted.plaintext.reveal(),
            unseen=texts,
        )

    def _row(self, material: KeyMaterial, *, credits: int | None = None) -> NewKey:  # noqa: A002 - the domain's word
        return NewKey(
            id=KeyId(self._ids.new(IdPrefix.KEY)),
            key_auth_id=self._keyspace,
            hash=material.hash,
            start=material.start,
            workspace_id=self._demo.workspace_id,
            created_at_m=self._now,
            remaining_requests=credits,
        )

    def _limit(self, key_id: KeyId) -> NewRatelimit:
        return NewRatelimit(
            id=RatelimitId(self._ids.new(IdPrefix.RATELIMIT)),
            name="requests",
            workspace_id=self._demo.workspace_id,
            created_at=self._now,
            key_id=key_id,
            limit=PLENTY,
            duration=WINDOW_MS,
            auto_apply=True,
        )
