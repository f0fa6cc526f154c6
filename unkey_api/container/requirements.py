"""What every operation needs, put together from the areas' tables."""

from __future__ import annotations

from unkey_api.areas.analytics import requirements as analytics
from unkey_api.areas.apis import requirements as apis
from unkey_api.areas.identities import requirements as identities
from unkey_api.areas.keys import requirements as keys
from unkey_api.areas.permissions import requirements as permissions
from unkey_api.areas.ratelimit import requirements as ratelimit
from unkey_api.areas.rootkeys import requirements as rootkeys
from unkey_api.core.needs import Operations

REQUIREMENTS: Operations = {
    **apis.OPERATIONS,
    **keys.OPERATIONS,
    **rootkeys.OPERATIONS,
    **identities.OPERATIONS,
    **permissions.OPERATIONS,
    **ratelimit.OPERATIONS,
    **analytics.OPERATIONS,
}
"""By operation. Those that take no credential are not in it."""
