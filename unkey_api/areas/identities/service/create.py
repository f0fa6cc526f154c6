"""Create an identity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from unkey_api.areas.identities import queries, requirements
from unkey_api.areas.identities.errors import IdentityAlreadyExists
from unkey_api.areas.identities.events import identity_event, ratelimit_event
from unkey_api.areas.identities.types import MAX_META_BYTES, IdentityRatelimit
from unkey_api.areas.parts import Parts
from unkey_api.areas.ratelimit.attached import AttachedLimit, last_of_each_name
from unkey_api.audit.types import AuditAction, AuditEvent
from unkey_api.core.changes import identity_changed
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdentityId, IdPrefix, IdSource, RatelimitId
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.core.text import require_bytes_at_most
from unkey_api.infra.mysql import DuplicateKey, Transaction


class CreateIdentityCommand(NamedTuple):
    """An identity to create."""

    external_id: str
    meta: str
    """JSON text of an object."""
    ratelimits: tuple[AttachedLimit, ...]
    """Of several with one name the last counts."""


class CreateIdentity:
    """Creates an identity with its limits."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: CreateIdentityCommand) -> IdentityId:
        """Create the identity and return its id. A deleted one of the same external id is no obstacle.

        Raises:
            InsufficientPermissions: The caller may not create identities.
            InvalidInput: The metadata is too large.
            IdentityAlreadyExists: There is a live one of this external id.
            StoreUnavailable: Nothing was created.
        """
        require(caller.principal.permissions, requirements.on_all(caller.principal.workspace_id, "create_identity"))
        require_bytes_at_most("Metadata", command.meta, cap=MAX_META_BYTES)
        identity_id = IdentityId(self._parts.ids.new(IdPrefix.IDENTITY))
        ratelimits = new_ratelimits(self._parts.ids, last_of_each_name(command.ratelimits))
        correlation_id = self._parts.ids.new(IdPrefix.CORRELATION)
        now = self._parts.now()
        workspace_id = caller.principal.workspace_id

        async def work(tx: Transaction) -> None:
            project_id = await self._parts.projects.ensure(tx, workspace_id)
            identity = queries.NewIdentity(
                identity_id, command.external_id, workspace_id, project_id, now, meta=command.meta
            )
            try:
                await queries.insert(tx, identity)
            except DuplicateKey as err:
                raise IdentityAlreadyExists(command.external_id) from err
            await queries.insert_ratelimits(tx, rows_of(ratelimits, workspace_id, identity_id, now))
            events = _created(identity_id, command.external_id, ratelimits)
            await self._parts.audit.record(tx, caller, events, correlation_id)
            tx.tell(identity_changed(workspace_id, identity_id))

        await self._parts.database.transaction("identities.create", work)
        return identity_id


def new_ratelimits(ids: IdSource, specs: Iterable[AttachedLimit]) -> list[IdentityRatelimit]:
    """Return the limits with fresh ids."""
    return [IdentityRatelimit(RatelimitId(ids.new(IdPrefix.RATELIMIT)), spec) for spec in specs]


def rows_of(
    ratelimits: Iterable[IdentityRatelimit], workspace_id: str, identity_id: IdentityId, now: UnixMs
) -> list[queries.RatelimitToWrite]:
    """Return the rows to write for these limits."""
    return [
        queries.RatelimitToWrite(
            item.id,
            workspace_id,
            identity_id,
            item.spec.name,
            item.spec.limit,
            item.spec.duration_ms,
            item.spec.auto_apply,
            now,
        )
        for item in ratelimits
    ]


def _created(identity_id: IdentityId, external_id: str, ratelimits: Iterable[IdentityRatelimit]) -> list[AuditEvent]:
    first = identity_event(AuditAction.IDENTITY_CREATE, f"Created identity {identity_id}.", identity_id, external_id)
    rest = [
        ratelimit_event(
            AuditAction.RATELIMIT_CREATE,
            f"Created ratelimit {item.id}.",
            (identity_id, external_id),
            (item.id, item.spec.name),
        )
        for item in ratelimits
    ]
    return [first, *rest]
