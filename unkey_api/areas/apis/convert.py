"""Between protobuf and the types of this package."""

from __future__ import annotations

from unkey_proto.unkey.apis.v2 import apis_pb as pb

from unkey_api.areas.apis.queries import ApiSettingsRow
from unkey_api.areas.apis.service.list_keys import ListKeysCommand
from unkey_api.areas.apis.service.update import UpdateApiCommand
from unkey_api.areas.apis.types import LiveApi
from unkey_api.areas.keys.convert import from_key
from unkey_api.areas.keys.service.get import ShownKey
from unkey_api.areas.keys.types import UNSET
from unkey_api.core.paging import Page
from unkey_api.rpc.messages import page_size, pagination_of


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
