"""Between protobuf and the types of this package."""

from __future__ import annotations

from unkey_proto.unkey.apis.v2 import apis_pb as pb
from unkey_proto.unkey.common.v1 import pagination_pb

from unkey_api.apis.service.list_keys import ListKeysCommand
from unkey_api.apis.types import LiveApi
from unkey_api.core.paging import Page
from unkey_api.keys.convert import from_key
from unkey_api.keys.service.get import ShownKey

DEFAULT_PAGE = 100


def from_api(api: LiveApi) -> pb.GetApiResponse:
    """Return the answer that shows an API."""
    return pb.GetApiResponse(api=pb.Api(id=api.id, name=api.name))


def to_list_keys(request: pb.ListKeysRequest) -> ListKeysCommand:
    """Read a request to list keys."""
    return ListKeysCommand(
        api_id=request.api_id,
        limit=request.limit if request.has_field("limit") else DEFAULT_PAGE,
        cursor=request.cursor,
        external_id=request.external_id if request.has_field("external_id") else None,
        decrypt=request.decrypt,
    )


def from_page(page: Page[ShownKey]) -> pb.ListKeysResponse:
    """Return one page of keys."""
    pagination = pagination_pb.Pagination(cursor=page.next_cursor or None, has_more=page.has_more)
    return pb.ListKeysResponse(keys=[from_key(shown) for shown in page.items], pagination=pagination)
