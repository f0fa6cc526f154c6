"""The parts of messages that are alike in every area: stored metadata, and where a listing stands."""

from __future__ import annotations

from typing import Any, Protocol

import orjson
import structlog
from protobuf.wkt.google.protobuf.struct_pb import Struct
from unkey_proto.unkey.common.v1 import pagination_pb

from unkey_api.core.paging import Page
from unkey_api.core.text import canonical_json

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def struct_of(text: str | None) -> Struct | None:
    """Return stored metadata for an answer; None for none, an empty object, and text that is not a JSON object."""
    if not text or text == "{}":
        return None
    try:
        struct = Struct.from_json(text)
    except (ValueError, TypeError, RecursionError) as err:  # no JSON, no object, nested too deeply
        _log.warning("stored metadata cannot be read", error=str(err))
        return None
    return struct if struct.fields else None


def text_of(struct: Struct) -> str:
    """Return metadata in the form in which it is stored."""
    return canonical_json(orjson.loads(struct.to_json()))


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
