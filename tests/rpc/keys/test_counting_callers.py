"""How many requests came with which kind of root key: what the metric is read from."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.keys import KeyWorld, fresh
from unkey_api.areas.keys.verification.types import Status

pytestmark = pytest.mark.integration


async def counted(world: KeyWorld, root: str) -> Counter[Status]:
    """Return by how much one request moves the counts."""
    before = Counter(world.directory.counts.root_key)
    await world.call("getKey", {"keyId": "key_none"}, root=root)
    return Counter(world.directory.counts.root_key) - before


async def test_each_request_counts_once_by_what_its_root_key_is(world: KeyWorld) -> None:
    for _ in range(3):  # read, then known
        assert await counted(world, world.root) == {Status.VALID: 1}
    for _ in range(2):
        assert await counted(world, fresh("root")) == {Status.NOT_FOUND: 1}
    root = await world.root_key("api.*.read_key", expires="2020-01-01")
    for _ in range(2):
        assert await counted(world, root.secret) == {Status.EXPIRED: 1}
