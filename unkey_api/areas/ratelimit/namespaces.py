"""Finding namespaces, from a cache where possible, and creating them the first time somebody counts in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TypeAlias

from unkey_api.areas.parts import Parts
from unkey_api.areas.ratelimit import queries, requirements
from unkey_api.areas.ratelimit.types import Namespace, NamespaceVanished, make_namespace
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.changes import namespace_changed
from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdPrefix, NamespaceId
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.caching.swr import Cached, CacheObserver, CacheWindows, SwrCache
from unkey_api.infra.mysql import Database, ReadConn, Transaction
from unkey_api.infra.resilience.tasks import BackgroundJobs, SingleFlight

CACHE = "ratelimit_namespace"
WINDOWS = CacheWindows(fresh=timedelta(minutes=1), stale=timedelta(days=1), max_entries=1_000_000)

NamespaceKey: TypeAlias = tuple[str, str]
"""Workspace, then id or name of the namespace as the caller wrote it."""
NamespaceCache: TypeAlias = SwrCache[NamespaceKey, Namespace]


def namespace_cache(
    *, clock: Clock, refreshes: BackgroundJobs, observer: CacheObserver | None = None
) -> NamespaceCache:
    """Return an empty cache of namespaces with the windows callers rely on."""
    return SwrCache(CACHE, clock=clock, windows=WINDOWS, refreshes=refreshes, observer=observer)


async def read_namespace(conn: ReadConn, workspace_id: str, key: str) -> Namespace | None:
    """Return the namespace with this id or else this name as the store has it, deleted or not."""
    found = await queries.find_with_overrides(conn, workspace_id, (key,))
    return next((namespace for namespace in found if namespace.id == key), found[0] if found else None)


class Namespaces:
    """Looks up namespaces by id or name. A deleted namespace is found, and marked as such."""

    def __init__(self, cache: NamespaceCache, database: Database) -> None:
        self._cache = cache
        self._database = database

    def peek(self, workspace_id: str, key: str) -> Cached[Namespace] | None:
        """Return what is known and fresh, without waiting. None means that `find` has to be asked."""
        return self._cache.peek((workspace_id, key))

    async def find(self, workspace_id: str, key: str) -> Namespace | None:
        """Return the namespace, or None when there is none. Overrides are up to a minute old.

        Raises:
            StoreUnavailable: It is not known here and could not be read.
        """
        return (await self._cache.get((workspace_id, key), self._load)).value

    async def find_many(self, workspace_id: str, keys: Iterable[str]) -> Mapping[str, Namespace | None]:
        """Return an entry for each of `keys`, with at most one statement. Raises as `find` does."""
        found = await self._cache.get_many([(workspace_id, key) for key in keys], self._load_many)
        return {key: cached.value for (_, key), cached in found.items()}

    def keep(self, workspace_id: str, namespace: Namespace) -> None:
        """Remember a namespace that was created in this very step of the event loop, under its id and its name."""
        self._cache.set((workspace_id, namespace.id), namespace)
        self._cache.set((workspace_id, namespace.name), namespace)

    async def find_current(self, workspace_id: str, key: str) -> Namespace | None:
        """Forget what is known, and return the namespace as the primary has it. Raises as `find` does."""
        self._cache.drop((workspace_id, key))
        return (await self._cache.get((workspace_id, key), self._load_current)).value

    async def _load(self, key: NamespaceKey) -> Namespace | None:
        return await read_namespace(self._database.reads_of(key[0]), *key)

    async def _load_current(self, key: NamespaceKey) -> Namespace | None:
        return await read_namespace(self._database.primary, *key)

    async def _load_many(self, keys: Sequence[NamespaceKey]) -> Mapping[NamespaceKey, Namespace]:
        workspace_id = keys[0][0]
        conn = self._database.reads_of(workspace_id)
        found = await queries.find_with_overrides(conn, workspace_id, [key for _, key in keys])
        known = {namespace.name: namespace for namespace in found} | {namespace.id: namespace for namespace in found}
        return {key: known[key[1]] for key in keys if key[1] in known}


class NamespaceCreation:
    """Creates namespaces; `close` it before the database."""

    def __init__(self, parts: Parts, namespaces: Namespaces) -> None:
        self._parts = parts
        self._namespaces = namespaces
        self._flights: SingleFlight[tuple[str, str], Namespace] = SingleFlight("ratelimit.create_namespace")

    async def ensure(self, caller: Caller, name: str) -> Namespace:
        """Create the namespace, or return the one that somebody else created meanwhile, which may be deleted.

        Concurrent calls in this process share one creation; the audit entry names the first caller.

        Raises:
            InsufficientPermissions: The caller may not create namespaces.
            NamespaceVanished: It was taken and cannot be read.
            StoreUnavailable: Nothing was created.
        """
        _require_create(caller)

        async def create() -> Namespace:
            return (await self._create(caller, (name,)))[name]

        return await self._flights.run((caller.principal.workspace_id, name), create)

    async def ensure_many(self, caller: Caller, names: Iterable[str]) -> Mapping[str, Namespace]:
        """Do the same for several names in one transaction. Names that others took meanwhile are no obstacle."""
        _require_create(caller)
        return await self._create(caller, sorted(names))  # in one order everywhere, against deadlocks

    async def close(self) -> None:
        """End creations nobody waits for any more."""
        await self._flights.close()

    async def _create(self, caller: Caller, names: Sequence[str]) -> Mapping[str, Namespace]:
        workspace_id = caller.principal.workspace_id
        fresh = {name: NamespaceId(self._parts.ids.new(IdPrefix.RATELIMIT_NAMESPACE)) for name in names}
        namespaces = dict(await self._insert(caller, fresh))
        for name in fresh.keys() - namespaces.keys():
            namespaces[name] = await self._winner(workspace_id, name)
        return namespaces

    async def _insert(self, caller: Caller, fresh: Mapping[str, NamespaceId]) -> Mapping[str, Namespace]:
        """Return what was inserted, by name."""
        workspace_id = caller.principal.workspace_id
        now = self._parts.now()

        async def work(tx: Transaction) -> Mapping[str, Namespace]:
            project_id = await self._parts.projects.ensure(tx, workspace_id)
            rows = [queries.NewNamespace(id_, workspace_id, project_id, name, now) for name, id_ in fresh.items()]
            await queries.insert_missing(tx, rows)
            created = await queries.existing_ids(tx, workspace_id, list(fresh.values()))
            events = [_created(name, id_) for name, id_ in fresh.items() if id_ in created]
            await self._parts.audit.record(tx, caller, events)
            inserted = {name: make_namespace(id_, name) for name, id_ in fresh.items() if id_ in created}
            for name, namespace in inserted.items():
                tx.tell(*namespace_changed(workspace_id, namespace.id, name))
            return inserted

        def keep(inserted: Mapping[str, Namespace]) -> None:
            # In the step of the commit: nobody can have set an override yet that this would hide.
            for namespace in inserted.values():
                self._namespaces.keep(workspace_id, namespace)

        return await self._parts.database.transaction("ratelimit.create_namespace", work, on_commit=keep)

    async def _winner(self, workspace_id: str, name: str) -> Namespace:
        found = await self._namespaces.find_current(workspace_id, name)
        if found is None:
            raise NamespaceVanished(name)
        return found


def _require_create(caller: Caller) -> None:
    principal = caller.principal
    require(principal.permissions, requirements.create_namespace(principal.workspace_id))


def _created(name: str, namespace_id: NamespaceId) -> AuditEvent:
    target = AuditTarget(TargetType.RATELIMIT_NAMESPACE, namespace_id, name)
    return AuditEvent(AuditAction.RATELIMIT_NAMESPACE_CREATE, f"Created ratelimit namespace {name}", (target,))
