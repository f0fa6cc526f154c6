"""The parts of a listing's messages that are alike in every area."""

from __future__ import annotations

from typing import Any, Protocol

from unkey_proto.unkey.common.v1 import pagination_pb

from unkey_api.core.paging import Page

DEFAULT_PAGE_SIZE = 100


class PagedRequest(Protocol):
    """A request for a page."""

    @property
    def limit(self) -> int:
        """How many items the page may hold."""
        ...

    def has_field(self, name: Any, /) -> bool:  # Any: each message knows the names of its own fields
        """Say whether a field was sent."""
        ...


def page_size(request: PagedRequest, default: int = DEFAULT_PAGE_SIZE) -> int:
    """Return how many items the page may hold; `default` when the caller does not say."""
    return request.limit if request.has_field("limit") else default


def pagination_of(page: Page[Any]) -> pagination_pb.Pagination:  # items of whatever kind
    """Return where the listing stands."""
    return pagination_pb.Pagination(cursor=page.next_cursor or None, has_more=page.has_more)
