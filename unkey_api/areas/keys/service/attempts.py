"""Trying again with a fresh id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from unkey_api.infra.mysql import DuplicateKey

T = TypeVar("T")

ATTEMPTS = 5
PAUSE_SECONDS = 0.1  # times the number of the attempt
DRAWN = frozenset(
    {
        "keys_id_unique",
        "hash_idx",
        "identities_id_unique",
        "ratelimits_id_unique",
        "permissions_id_unique",
        "roles_id_unique",
        "workspaces_id_unique",
        "workspaces_slug_unique",
        "key_auth_id_unique",
    }
)
"""Unique indexes over what an attempt draws or looks for first, so that another one may succeed."""


async def with_fresh_ids(attempt: Callable[[], Awaitable[T]], sleep: Callable[[float], Awaitable[None]]) -> T:
    """Run `attempt`, which draws its own ids, until no unique index over them refuses it.

    Raises:
        DuplicateKey: Five attempts were refused, or one by an index over what the caller chose.
    """
    for number in range(1, ATTEMPTS):
        try:
            return await attempt()
        except DuplicateKey as err:
            if err.index not in DRAWN:
                raise
            await sleep(PAUSE_SECONDS * number)
    return await attempt()
