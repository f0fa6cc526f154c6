"""Delete an identity."""

from __future__ import annotations

from unkey_api.areas.identities import queries, requirements
from unkey_api.areas.identities.errors import IdentityNotFound
from unkey_api.areas.identities.events import identity_event, ratelimit_event
from unkey_api.areas.identities.service.read import find_identity
from unkey_api.areas.identities.types import Identity
from unkey_api.areas.parts import Parts
from unkey_api.audit.types import AuditAction, AuditEvent
from unkey_api.core.changes import identity_changed
from unkey_api.core.ids import IdPrefix
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import DuplicateKey, Transaction, WriteConn


class DeleteIdentity:
    """Deletes an identity. Its keys go on without it; its row is kept until the next of its external id is deleted."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key: str) -> None:
        """Delete the identity with this id, else the one with this external id. Repeating it raises IdentityNotFound.

        Raises:
            InsufficientPermissions: The caller may not delete identities, whether this one exists or not.
            IdentityNotFound: There is no such identity, or no longer.
            StoreUnavailable: Nothing was changed.
        """
        require(caller.principal.permissions, requirements.on_all(caller.principal.workspace_id, "delete_identity"))
        workspace_id = caller.principal.workspace_id
        identity = await find_identity(self._parts.database.primary, workspace_id, key)
        correlation_id = self._parts.ids.new(IdPrefix.CORRELATION)

        async def work(tx: Transaction) -> None:
            locked = await queries.find_locked(tx, workspace_id, identity.id)
            if locked is None:
                raise IdentityNotFound
            if locked.deleted:
                return  # somebody else did it at the same time, and wrote the entries
            await self._mark(tx, workspace_id, identity)
            await self._parts.audit.record(tx, caller, _deleted(identity), correlation_id)
            tx.tell(identity_changed(workspace_id, identity.id))

        await self._parts.database.transaction("identities.delete", work)

    @staticmethod
    async def _mark(tx: WriteConn, workspace_id: str, identity: Identity) -> None:
        try:
            await queries.mark_deleted(tx, workspace_id, identity.id)
        except DuplicateKey:
            # Tried first all the same: looking for older ones each time would lock more than most deletions need.
            await queries.delete_older(tx, workspace_id, identity.external_id)
            await queries.mark_deleted(tx, workspace_id, identity.id)


def _deleted(identity: Identity) -> list[AuditEvent]:
    owner = (identity.id, identity.external_id)
    first = identity_event(AuditAction.IDENTITY_DELETE, f"Deleted identity {identity.id}.", *owner)
    rest = [
        ratelimit_event(AuditAction.RATELIMIT_DELETE, f"Deleted ratelimit {item.id}.", owner, (item.id, item.spec.name))
        for item in identity.ratelimits
    ]
    return [first, *rest]
