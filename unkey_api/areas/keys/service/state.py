"""What an update can change about a key, for audit entries."""

from __future__ import annotations

from collections.abc import Mapping

from unkey_api.areas.keys.live_queries import get_details, get_key
from unkey_api.core.principal import Principal
from unkey_api.infra.mysql import ReadConn


async def state_of(conn: ReadConn, principal: Principal, key_id: str) -> Mapping[str, object]:
    """Return the key as people may see it, without anything secret. Two statements; call it under the key's lock.

    Raises:
        KeyNotFound: There is no such key in the caller's workspace.
    """
    key = await get_key(conn, principal, key_id)
    details = await get_details(conn, key)
    return {
        "name": key.name,
        "enabled": key.enabled,
        "expires": key.expires,
        "externalId": details.external_id,
        "meta": key.meta,
        "remaining": key.remaining_requests,
        "refillAmount": key.refill_amount,
        "refillDay": key.refill_day,
        "permissions": sorted(details.direct_permissions or ()),
        "roles": sorted(details.role_names or ()),
        "ratelimits": {
            name: {"limit": limit, "duration": duration, "autoApply": bool(auto_apply)}
            for _, name, limit, duration, auto_apply in sorted(details.key_limits or ())
        },
    }
