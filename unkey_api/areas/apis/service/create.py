"""Create an API."""

from __future__ import annotations

from unkey_api.areas.apis import queries, requirements
from unkey_api.areas.projects.service import DefaultProject
from unkey_api.audit.service import AuditLog
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.changes import api_changed
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.identifiers import ApiId, KeyspaceId
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Database, Transaction


class CreateApi:
    """Creates an API and its keyspace."""

    def __init__(
        self, database: Database, audit: AuditLog, projects: DefaultProject, *, clock: Clock, ids: IdSource
    ) -> None:
        self._database = database
        self._audit = audit
        self._projects = projects
        self._clock = clock
        self._ids = ids

    async def __call__(self, caller: Caller, name: str) -> ApiId:
        """Create an API called `name`, which need not be unique, and return its id.

        Raises:
            InsufficientPermissions: The caller may not create APIs.
            StoreUnavailable: Nothing was created.
        """
        require(caller.principal.permissions, requirements.create(caller.principal.workspace_id))
        api_id = ApiId(self._ids.new(IdPrefix.API))
        keyspace_id = KeyspaceId(self._ids.new(IdPrefix.KEYSPACE))
        now = UnixMs(self._clock.now_ms())

        async def work(tx: Transaction) -> None:
            workspace_id = caller.principal.workspace_id
            project_id = await self._projects.ensure(tx, workspace_id)
            await queries.insert_keyspace(tx, queries.NewKeyspace(keyspace_id, workspace_id, project_id, now))
            api = queries.NewApi(api_id, name, workspace_id, project_id, keyspace_id, now)
            await queries.insert_api(tx, api)
            await self._audit.record(tx, caller, [_created(api_id, name)])
            tx.tell(api_changed(workspace_id, api_id, keyspace_id))

        await self._database.transaction("apis.create", work)
        return api_id


def _created(api_id: ApiId, name: str) -> AuditEvent:
    target = AuditTarget(TargetType.API, api_id, name)
    return AuditEvent(AuditAction.API_CREATE, f"Created API {api_id}", (target,))
