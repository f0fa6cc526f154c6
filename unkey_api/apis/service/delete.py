"""Delete an API."""

from __future__ import annotations

from unkey_api.apis import queries, requirements
from unkey_api.apis.errors import ApiProtected
from unkey_api.apis.live import LiveApis
from unkey_api.audit.service import AuditLog
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.needs import ANY
from unkey_api.core.principal import Caller, Principal
from unkey_api.core.rbac import require_unseen
from unkey_api.infra.mysql import Database, WriteConn
from unkey_api.keys.errors import ApiNotFound


class DeleteApi:
    """Deletes an API, leaving its keyspace and keys where they are, unreachable."""

    def __init__(self, database: Database, audit: AuditLog, apis: LiveApis, *, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._apis = apis
        self._clock = clock

    async def __call__(self, caller: Caller, api_id: str) -> None:
        """Mark the API as deleted. Repeating it raises ApiNotFound.

        Raises:
            InsufficientPermissions: The caller may not delete it, whether it exists or not.
            ApiNotFound: There is no such API in the caller's workspace, or no longer.
            ApiProtected: It has delete protection.
            StoreUnavailable: Nothing was changed.
        """
        api = await self._find(caller.principal, api_id)
        now = UnixMs(self._clock.now_ms())

        async def work(tx: WriteConn) -> None:
            if not await queries.mark_deleted(tx, api_id, api.workspace_id, now=now):
                raise ApiNotFound(internal=f"api {api_id} was deleted meanwhile")
            await self._audit.record(tx, caller, [_deleted(api)])

        await self._database.transaction(
            "apis.delete", work, on_commit=lambda _: self._apis.note_deleted(api.workspace_id, api_id)
        )

    async def _find(self, principal: Principal, api_id: str) -> queries.ApiRow:
        workspace_id = principal.workspace_id

        async def find() -> queries.ApiRow | None:
            api = await queries.find(self._database.replica, api_id)
            there = api is not None and api.workspace_id == workspace_id and api.deleted_at_m is None
            return api if there else None

        api = await require_unseen(
            principal.permissions,
            find,
            lambda row: requirements.delete(workspace_id, api_id, (row and row.key_auth_id) or ANY),
        )
        if api is None:
            raise ApiNotFound(internal=f"api {api_id} is absent, deleted or of another workspace")
        if api.delete_protection:
            raise ApiProtected
        return api


def _deleted(api: queries.ApiRow) -> AuditEvent:
    target = AuditTarget(TargetType.API, api.id, api.name)
    return AuditEvent(AuditAction.API_DELETE, f"Deleted API {api.id}", (target,))
