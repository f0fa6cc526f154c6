"""What every operation needs, put together from the areas' tables."""

from __future__ import annotations

from unkey_api.apis import requirements as apis
from unkey_api.core.needs import Operations
from unkey_api.identities import requirements as identities
from unkey_api.keys import requirements as keys
from unkey_api.permissions import requirements as permissions
from unkey_api.ratelimit import requirements as ratelimit
from unkey_api.rootkeys import requirements as rootkeys

REQUIREMENTS: Operations = {
    **apis.OPERATIONS,
    **keys.OPERATIONS,
    **rootkeys.OPERATIONS,
    **identities.OPERATIONS,
    **permissions.OPERATIONS,
    **ratelimit.OPERATIONS,
}
"""By operation. Those that take no credential are not in it."""
