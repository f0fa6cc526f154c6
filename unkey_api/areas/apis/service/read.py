"""Show an API."""

from __future__ import annotations

from unkey_api.areas.apis import requirements
from unkey_api.areas.apis.live import LiveApis
from unkey_api.areas.apis.types import LiveApi
from unkey_api.areas.keys.errors import ApiNotFound
from unkey_api.core.needs import ANY
from unkey_api.core.principal import Principal
from unkey_api.core.rbac import require_unseen


class GetApi:
    """Shows an API."""

    def __init__(self, apis: LiveApis) -> None:
        self._apis = apis

    async def __call__(self, principal: Principal, api_id: str) -> LiveApi:
        """Return the API.

        Raises:
            InsufficientPermissions: The caller may not read it, whether it exists or not.
            ApiNotFound: There is no such API in the caller's workspace.
            StoreUnavailable: It could not be read.
        """
        workspace_id = principal.workspace_id
        api = await require_unseen(
            principal.permissions,
            lambda: self._apis.find(workspace_id, api_id),
            lambda found: requirements.read(workspace_id, api_id, found.keyspace_id if found else ANY),
        )
        if api is None:
            raise ApiNotFound(internal=f"api {api_id} is absent, deleted or of another workspace")
        return api
