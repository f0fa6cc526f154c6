"""Creating namespaces the first time somebody counts in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from unkey_api.areas.parts import Parts
from unkey_api.areas.ratelimit import queries, requirements
from unkey_api.areas.ratelimit.errors import NamespaceVanished
from unkey_api.areas.ratelimit.namespaces import Namespaces
from unkey_api.areas.ratelimit.types import Namespace, make_namespace
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.changes import namespace_changed
from unkey_api.core.ids import IdPrefix, NamespaceId
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction
from unkey_api.infra.resilience.tasks import SingleFlight


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
