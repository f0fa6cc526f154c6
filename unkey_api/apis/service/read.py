"""Show an API."""

from __future__ import annotations

from unkey_api.apis.live import LiveApis
from unkey_api.apis.types import LiveApi
from unkey_api.core.principal import Principal
from unkey_api.core.rbac import any_of, require, tuple_


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
        may_read = any_of(tuple_("api", "*", "read_api"), tuple_("api", api_id, "read_api"))
        require(principal.permissions, may_read)
        return await self._apis.get(principal.workspace_id, api_id)
