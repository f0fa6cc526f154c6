"""Create an API."""

from __future__ import annotations

from unkey_api.areas.apis import queries, requirements
from unkey_api.areas.parts import Parts
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.changes import api_changed
from unkey_api.core.ids import ApiId, IdPrefix, KeyspaceId
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction


class CreateApi:
    """Creates an API and its keyspace."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, name: str) -> ApiId:
        """Create an API called `name`, which need not be unique, and return its id.

        Raises:
            InsufficientPermissions: The caller may not create APIs.
            StoreUnavailable: Nothing was created.
        """
        require(caller.principal.permissions, requirements.create(caller.principal.workspace_id))
        api_id = ApiId(self._parts.ids.new(IdPrefix.API))
        keyspace_id = KeyspaceId(self._parts.ids.new(IdPrefix.KEYSPACE))
        now = self._parts.now()

        async def work(tx: Transaction) -> None:
            workspace_id = caller.principal.workspace_id
            project_id = await self._parts.projects.ensure(tx, workspace_id)
            await queries.insert_keyspace(tx, queries.NewKeyspace(keyspace_id, workspace_id, project_id, now))
            api = queries.NewApi(api_id, name, workspace_id, project_id, keyspace_id, now)
            await queries.insert_api(tx, api)
            await self._parts.audit.record(tx, caller, [_created(api_id, name)])
            tx.tell(api_changed(workspace_id, api_id, keyspace_id))

        await self._parts.database.transaction("apis.create", work)
        return api_id


def _created(api_id: ApiId, name: str) -> AuditEvent:
    target = AuditTarget(TargetType.API, api_id, name)
    return AuditEvent(AuditAction.API_CREATE, f"Created API {api_id}", (target,))
