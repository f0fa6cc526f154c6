"""Redis as the region's counter store of the limiter, and as the credit counter of keys."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.infra.redis.client import RedisClient, Taken

# A little less than the limiter waits: the client has to see for itself that a connection is silent, to give it up.
READ_SECONDS = 0.29
SYNC_SECONDS = 1.9  # increments travel behind the answers and may take longer than a read in front of one


class RedisCounters:
    """Counters as plain integer keys. Every method raises `RedisUnavailable` when Redis does not answer."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def read_many(self, keys: Sequence[str]) -> list[int]:
        """Return the counts in order, 0 for counters that do not exist."""
        return [value or 0 for value in await self._client.get_many(keys, seconds=READ_SECONDS)]

    async def increment_many(self, increments: Sequence[tuple[str, int, int]]) -> list[int | None]:
        """Add (key, amount, seconds to live if new) and return the new counts; None for one beyond 64 bits."""
        return await self._client.increment_many(increments, seconds=SYNC_SECONDS)


class RedisCredits:
    """Credit balances under `credits:<key id>`."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def take(self, key_id: str, amount: int) -> Taken:
        """Take `amount` off the balance if it is known and large enough."""
        return await self._client.decrement_if_exists(f"credits:{key_id}", amount)

    async def start(self, key_id: str, balance: int, *, ttl_ms: int) -> bool:
        """Make a balance known for that long. Return False, changing nothing, when one is known."""
        return await self._client.set_if_absent(f"credits:{key_id}", balance, ttl_ms=ttl_ms)

    async def forget(self, key_id: str) -> None:
        """Make the balance unknown."""
        await self._client.delete(f"credits:{key_id}")
