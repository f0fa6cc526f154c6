"""The rows of limits that are attached to keys."""

from __future__ import annotations

from collections.abc import Iterable

from unkey_api.areas.keys.queries import NewRatelimit
from unkey_api.areas.ratelimit.attached import AttachedLimit, last_of_each_name
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix, IdSource, KeyId, RatelimitId


def new_ratelimits(
    ids: IdSource, workspace_id: str, key_id: KeyId, limits: Iterable[AttachedLimit], *, now: UnixMs
) -> list[NewRatelimit]:
    """Return the limits to insert for a key; of several with one name, the last."""
    return [
        NewRatelimit(
            id=RatelimitId(ids.new(IdPrefix.RATELIMIT)),
            name=limit.name,
            workspace_id=workspace_id,
            created_at=now,
            key_id=key_id,
            limit=limit.limit,
            duration=limit.duration_ms,
            auto_apply=limit.auto_apply,
        )
        for limit in last_of_each_name(limits)
    ]
