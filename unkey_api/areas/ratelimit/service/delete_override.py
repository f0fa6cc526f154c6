"""Delete an override."""

from __future__ import annotations

from unkey_api.areas.parts import Parts
from unkey_api.areas.ratelimit import queries, requirements
from unkey_api.areas.ratelimit.errors import OverrideNotFound
from unkey_api.areas.ratelimit.service.set_override import find_live_namespace
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.changes import namespace_changed
from unkey_api.core.ids import NamespaceId
from unkey_api.core.needs import ANY
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require_unseen
from unkey_api.infra.mysql import Transaction


class DeleteOverride:
    """Deletes the override of exactly one identifier; the row stays, marked."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, namespace_key: str, identifier: str) -> None:
        """Delete the override. Patterns are not expanded. Repeating it raises OverrideNotFound.

        Looks at the store rather than at the cache, so that an override set through another process can be deleted
        at once, and none is deleted twice.

        Raises:
            NamespaceNotFound: No such namespace, or a deleted one.
            InsufficientPermissions: The caller may not delete overrides there.
            OverrideNotFound: There is no override of this identifier, or no longer.
            StoreUnavailable: Nothing was changed.
        """
        workspace_id = caller.principal.workspace_id
        now = self._parts.now()

        async def work(tx: Transaction) -> None:
            namespace = await find_live_namespace(tx, workspace_id, namespace_key)
            override = await require_unseen(
                caller.principal.permissions,
                lambda: _find_locked(tx, workspace_id, namespace.id, identifier),
                lambda row: requirements.delete_override(workspace_id, namespace.id, row.id if row else ANY),
            )
            if override is None:
                raise OverrideNotFound
            await queries.mark_override_deleted(tx, workspace_id, override.id, now=now)
            await self._parts.audit.record(tx, caller, [_deleted(namespace, override)])
            tx.tell(*namespace_changed(workspace_id, namespace.id, namespace.name))

        await self._parts.database.transaction("ratelimit.delete_override", work)


async def _find_locked(
    tx: Transaction, workspace_id: str, namespace_id: NamespaceId, identifier: str
) -> queries.OverrideRow | None:
    found = await queries.find_override_locked(tx, workspace_id, namespace_id, identifier)
    return found if found is not None and found.identifier == identifier else None  # the column compares more loosely


def _deleted(namespace: queries.NamespaceRow, override: queries.OverrideRow) -> AuditEvent:
    targets = (
        AuditTarget(TargetType.RATELIMIT_OVERRIDE, override.id, override.identifier),
        AuditTarget(TargetType.RATELIMIT_NAMESPACE, namespace.id, namespace.name),
    )
    return AuditEvent(AuditAction.RATELIMIT_DELETE_OVERRIDE, f"Deleted override {override.id}.", targets)
