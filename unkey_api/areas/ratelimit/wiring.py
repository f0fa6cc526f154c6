"""Puts the area together."""

from __future__ import annotations

from unkey_proto.unkey.ratelimit.v2.ratelimit_connect import RatelimitService, RatelimitServiceASGIApplication

from unkey_api.areas.ratelimit.handler import RatelimitHandler
from unkey_api.areas.ratelimit.requirements import OPERATIONS
from unkey_api.areas.ratelimit.service.limit import Counting, Limit, MultiLimit
from unkey_api.areas.ratelimit.service.namespaces import (
    DeleteOverride,
    GetOverride,
    ListNamespaces,
    ListOverrides,
    SetOverride,
)
from unkey_api.areas.shared import Area, Shared


def _build(shared: Shared) -> RatelimitHandler:
    parts, reads_of = shared.parts, shared.parts.database.reads_of
    counting = Counting(
        namespaces=shared.namespaces,
        creation=shared.creation,
        limiter=shared.limiter,
        rows=shared.ratelimits,
        clock=parts.clock,
    )
    return RatelimitHandler(
        limit=Limit(counting),
        multi_limit=MultiLimit(counting),
        set_override=SetOverride(parts),
        get_override=GetOverride(reads_of),
        list_overrides=ListOverrides(reads_of),
        list_namespaces=ListNamespaces(reads_of),
        delete_override=DeleteOverride(parts),
        test_mode=shared.test_mode,
    )


AREA = Area(RatelimitService, RatelimitServiceASGIApplication, RatelimitHandler, _build, OPERATIONS)
