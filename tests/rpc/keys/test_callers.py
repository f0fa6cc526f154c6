"""What is known of root keys before anything else is: how many of which kind came, and who vouches for a body."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.keys import KeyWorld, fresh
from unkey_api.areas.keys.verification.types import Status
from unkey_api.auth.chain import Credentials
from unkey_api.auth.root_key import RootKeys

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


class TestVouching:
    """For callers whose large bodies are read before anything is looked up."""

    async def test_a_root_key_seen_before_vouches_while_it_is_in_force(self, world: KeyWorld) -> None:
        root = await world.root_key("api.*.read_key", expires="2030-01-01")
        keys = RootKeys(world.directory, world.clock)
        assert not keys.vouches_for(Credentials(f"Bearer {root.secret}", None))
        assert await keys.resolve(Credentials(f"Bearer {root.secret}", None)) is not None
        assert keys.vouches_for(Credentials(f"Bearer {root.secret}", None))
        world.clock.set(1_893_456_000_000 - 1)
        assert keys.vouches_for(Credentials(f"Bearer {root.secret}", None))
        world.clock.set(1_893_456_000_000 + 1)
        assert not keys.vouches_for(Credentials(f"Bearer {root.secret}", None))

    async def test_nothing_else_does(self, world: KeyWorld) -> None:
        keys, ordinary = RootKeys(world.directory, world.clock), await world.key()
        await world.verify(ordinary.secret)
        await keys.resolve(Credentials(f"Bearer {world.root}", None))
        for authorization in (None, "", world.root, f"Basic {world.root}", "Bearer ", f"Bearer {ordinary.secret}"):
            assert not keys.vouches_for(Credentials(authorization, None)), authorization
