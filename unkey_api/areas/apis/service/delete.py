"""Delete an API."""

from __future__ import annotations

from unkey_api.areas.apis import queries, requirements
from unkey_api.areas.apis.errors import ApiProtected
from unkey_api.areas.keys.errors import ApiNotFound
from unkey_api.areas.parts import Parts
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.changes import api_changed
from unkey_api.core.needs import ANY
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require_unseen
from unkey_api.infra.mysql import Transaction


class DeleteApi:
    """Deletes an API, leaving its keyspace and keys where they are. No key of it verifies any more."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, api_id: str) -> None:
        """Mark the API as deleted. Repeating it raises ApiNotFound.

        Raises:
            InsufficientPermissions: The caller may not delete it, whether it exists or not.
            ApiNotFound: There is no such API in the caller's workspace, or no longer.
            ApiProtected: It has delete protection.
            StoreUnavailable: Nothing was changed.
        """
        workspace_id = caller.principal.workspace_id
        now = self._parts.now()

        async def work(tx: Transaction) -> None:
            api = await require_unseen(
                caller.principal.permissions,
                lambda: queries.lock_live(tx, workspace_id, api_id),
                lambda row: requirements.delete(workspace_id, api_id, (row and row.key_auth_id) or ANY),
            )
            if api is None:
                raise ApiNotFound(internal=f"api {api_id} is absent, deleted or of another workspace")
            if api.delete_protection:
                raise ApiProtected
            await queries.mark_deleted(tx, api_id, workspace_id, now=now)
            await self._parts.audit.record(tx, caller, [_deleted(api)])
            tx.tell(api_changed(workspace_id, api_id, api.key_auth_id))

        await self._parts.database.transaction("apis.delete", work)


def _deleted(api: queries.ApiRow) -> AuditEvent:
    target = AuditTarget(TargetType.API, api.id, api.name)
    return AuditEvent(AuditAction.API_DELETE, f"Deleted API {api.id}", (target,))
