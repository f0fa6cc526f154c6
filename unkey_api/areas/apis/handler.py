"""Serves unkey.apis.v2.ApisService."""

from __future__ import annotations

from unkey_proto.unkey.apis.v2 import apis_pb as pb
from unkey_proto.unkey.apis.v2.apis_connect import ApisService

from unkey_api.areas.apis import convert
from unkey_api.areas.apis.service.create import CreateApi
from unkey_api.areas.apis.service.delete import DeleteApi
from unkey_api.areas.apis.service.list_keys import ListKeys
from unkey_api.areas.apis.service.read import GetApi
from unkey_api.areas.apis.service.update import UpdateApi
from unkey_api.rpc.exchange import current_caller
from unkey_api.rpc.method import Context


class ApisHandler(ApisService):
    """Translates, calls one use case, translates back."""

    def __init__(
        self, *, create: CreateApi, get: GetApi, update: UpdateApi, delete: DeleteApi, list_keys: ListKeys
    ) -> None:
        self._create = create
        self._get = get
        self._update = update
        self._delete = delete
        self._list_keys = list_keys

    async def create_api(self, request: pb.CreateApiRequest, ctx: Context, /) -> pb.CreateApiResponse:
        """Create an API."""
        return pb.CreateApiResponse(api_id=await self._create(current_caller(), request.name))

    async def get_api(self, request: pb.GetApiRequest, ctx: Context, /) -> pb.GetApiResponse:
        """Show an API."""
        return convert.from_api(await self._get(current_caller().principal, request.api_id))

    async def update_api(self, request: pb.UpdateApiRequest, ctx: Context, /) -> pb.UpdateApiResponse:
        """Change an API."""
        return convert.from_settings(await self._update(current_caller(), convert.to_update(request)))

    async def delete_api(self, request: pb.DeleteApiRequest, ctx: Context, /) -> pb.DeleteApiResponse:
        """Delete an API."""
        await self._delete(current_caller(), request.api_id)
        return pb.DeleteApiResponse()

    async def list_keys(self, request: pb.ListKeysRequest, ctx: Context, /) -> pb.ListKeysResponse:
        """List the keys of an API."""
        page = await self._list_keys(current_caller().principal, convert.to_list_keys(request))
        return convert.from_page(page)
