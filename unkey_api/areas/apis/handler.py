"""Serves unkey.apis.v2.ApisService."""

from __future__ import annotations

from unkey_proto.unkey.apis.v2 import apis_pb as pb
from unkey_proto.unkey.apis.v2.apis_connect import ApisService

from unkey_api.areas.apis.queries import ApiSettingsRow
from unkey_api.areas.apis.service import (
    CreateApi,
    DeleteApi,
    GetApi,
    ListKeys,
    ListKeysCommand,
    UpdateApi,
    UpdateApiCommand,
)
from unkey_api.areas.apis.types import LiveApi
from unkey_api.areas.keys.convert import from_key
from unkey_api.areas.keys.service.get import ShownKey
from unkey_api.areas.keys.types import UNSET
from unkey_api.core.paging import Page
from unkey_api.rpc.exchange import current_caller
from unkey_api.rpc.messages import page_size, pagination_of
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
        return from_api(await self._get(current_caller().principal, request.api_id))

    async def update_api(self, request: pb.UpdateApiRequest, ctx: Context, /) -> pb.UpdateApiResponse:
        """Change an API."""
        return from_settings(await self._update(current_caller(), to_update(request)))

    async def delete_api(self, request: pb.DeleteApiRequest, ctx: Context, /) -> pb.DeleteApiResponse:
        """Delete an API."""
        await self._delete(current_caller(), request.api_id)
        return pb.DeleteApiResponse()

    async def list_keys(self, request: pb.ListKeysRequest, ctx: Context, /) -> pb.ListKeysResponse:
        """List the keys of an API."""
        page = await self._list_keys(current_caller().principal, to_list_keys(request))
        return from_page(page)


def from_api(api: LiveApi) -> pb.GetApiResponse:
    """Return the answer that shows an API."""
    return pb.GetApiResponse(api=pb.Api(id=api.id, name=api.name))


def to_update(request: pb.UpdateApiRequest) -> UpdateApiCommand:
    """Read a request to change an API. What is neither there nor null is left alone."""
    nulls = frozenset(request.null_fields.paths) if request.null_fields else frozenset()
    whitelist = tuple(request.ip_whitelist)
    prefix = request.default_prefix if request.has_field("default_prefix") else UNSET
    length = request.default_bytes if request.has_field("default_bytes") else UNSET
    return UpdateApiCommand(
        api_id=request.api_id,
        name=request.name if request.has_field("name") else UNSET,
        ip_whitelist=whitelist if whitelist or "ip_whitelist" in nulls else UNSET,
        default_prefix=None if "default_prefix" in nulls else prefix,
        default_bytes=None if "default_bytes" in nulls else length,
        store_encrypted_keys=request.store_encrypted_keys if request.has_field("store_encrypted_keys") else UNSET,
        delete_protection=request.delete_protection if request.has_field("delete_protection") else UNSET,
    )


def from_settings(settings: ApiSettingsRow) -> pb.UpdateApiResponse:
    """Return the answer that shows what is set about an API."""
    return pb.UpdateApiResponse(
        api=pb.ApiSettings(
            id=settings.id,
            name=settings.name,
            ip_whitelist=[entry.strip() for entry in (settings.ip_whitelist or "").split(",") if entry.strip()],
            default_prefix=settings.default_prefix,
            default_bytes=settings.default_bytes,
            store_encrypted_keys=settings.store_encrypted_keys,
            delete_protection=bool(settings.delete_protection),
        )
    )


def to_list_keys(request: pb.ListKeysRequest) -> ListKeysCommand:
    """Read a request to list keys."""
    return ListKeysCommand(
        api_id=request.api_id,
        limit=page_size(request),
        cursor=request.cursor,
        external_id=request.external_id if request.has_field("external_id") else None,
        decrypt=request.decrypt,
    )


def from_page(page: Page[ShownKey]) -> pb.ListKeysResponse:
    """Return one page of keys."""
    return pb.ListKeysResponse(keys=[from_key(shown) for shown in page.items], pagination=pagination_of(page))
