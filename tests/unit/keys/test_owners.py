"""Forgetting cached keys by what they belong to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.clock import FixedClock
from unkey_api.areas.keys.verification.directory import KeyOwners
from unkey_api.areas.keys.verification.types import KeyIdentity, Status, VerifiableKey
from unkey_api.core.ids import ExternalId, IdentityId, KeyHash, KeyspaceId, WorkspaceId
from unkey_api.infra.caching.swr import CacheWindows, SwrCache
from unkey_api.infra.resilience.tasks import BackgroundJobs


def key(
    workspace: str = "ws_1",
    *,
    identity: str = "",
    roles: tuple[str, ...] = (),
    slugs: tuple[str, ...] = (),
    keyspace: str = "ks",
    acts_for: str | None = None,
) -> VerifiableKey:
    blank: Any = ""  # what does not matter here
    return VerifiableKey(
        id=blank,
        keyspace_id=KeyspaceId(keyspace),
        workspace_id=WorkspaceId(workspace),
        api_id=blank,
        name="",
        meta=None,
        enabled=True,
        expires_ms=None,
        remaining=None,
        pending_migration_id=None,
        standing=Status.VALID,
        permissions=slugs,
        slugs=frozenset(slugs),
        roles=roles,
        identity=KeyIdentity(IdentityId(identity), ExternalId("user"), None, ()) if identity else None,
        ip_whitelist=None,
        limits={},
        automatic=(),
        may_verify=blank,
        principal=None,
        acts_for=None if acts_for is None else WorkspaceId(acts_for),
    )


class World:
    def __init__(self, max_entries: int = 100) -> None:
        windows = CacheWindows(fresh=timedelta(seconds=10), stale=timedelta(minutes=10), max_entries=max_entries)
        self.cache: SwrCache[KeyHash, VerifiableKey] = SwrCache(
            "verification_key_by_hash", clock=FixedClock(), windows=windows, refreshes=BackgroundJobs("test")
        )
        self.owners = KeyOwners(self.cache)

    def put(self, **keys: Any) -> None:
        for name, value in keys.items():
            self.cache.set(KeyHash(name), value)

    @property
    def left(self) -> set[str]:
        return {name for name in "abcd" if self.cache.held(KeyHash(name)) is not None}


class TestDropping:
    def test_an_identity_takes_its_keys_along_and_no_others(self) -> None:
        world = World()
        world.put(a=key(identity="id_1"), b=key(identity="id_1"), c=key(identity="id_2"), d=key())
        world.owners.drop("identity:id_1")
        assert world.left == {"c", "d"}

    def test_a_role_takes_along_the_keys_of_its_workspace_that_have_it(self) -> None:
        world = World()
        world.put(a=key(roles=("ad:min",)), b=key(roles=("other",)), c=key("ws_2", roles=("ad:min",)), d=key())
        world.owners.drop("role:ws_1:ad:min")
        assert world.left == {"b", "c", "d"}

    def test_a_permission_does_too(self) -> None:
        world = World()
        world.put(a=key(slugs=("x.y",)), b=key(slugs=("x",)), c=key("ws_2", slugs=("x.y",)), d=key(roles=("x.y",)))
        world.owners.drop("permission:ws_1:x.y")
        assert world.left == {"b", "c", "d"}

    def test_no_name_takes_along_all_of_the_workspace_that_were_granted_anything(self) -> None:
        world = World()
        world.put(a=key(roles=("r",)), b=key(slugs=("s",)), c=key(), d=key("ws_2", roles=("r",)))
        world.owners.drop("role:ws_1:")
        assert world.left == {"c", "d"}

    def test_a_keyspace_takes_its_keys_along(self) -> None:
        world = World()
        world.put(a=key(keyspace="ks_1"), b=key(keyspace="ks_1", slugs=("s",)), c=key(keyspace="ks_2"))
        world.owners.drop("keyspace:ks_1")
        assert world.left == {"c"}

    def test_a_workspace_takes_along_its_keys_and_the_root_keys_that_act_for_it(self) -> None:
        world = World()
        world.put(
            a=key(keyspace="ks_1"),
            b=key(keyspace="ks_2"),
            c=key("ws_home", keyspace="ks_home", acts_for="ws_1"),
            d=key("ws_home", keyspace="ks_home", acts_for="ws_2"),
        )
        world.owners.drop("workspace:ws_1")
        assert world.left == {"d"}

    async def test_a_load_that_was_under_way_is_not_kept(self) -> None:
        """It may have read the identity as it was before."""
        world = World()

        async def load(_: KeyHash) -> VerifiableKey | None:
            world.owners.drop("identity:id_1")
            found: VerifiableKey = key(identity="id_1")
            return found

        assert (await world.cache.get(KeyHash("a"), load)).value is not None
        assert world.left == set()

    async def test_a_load_of_something_else_is_kept(self) -> None:
        world = World()

        async def load(_: KeyHash) -> VerifiableKey | None:
            world.owners.drop("identity:id_1")
            world.owners.drop("role:ws_1:admin")
            world.owners.drop("workspace:ws_2")
            found: VerifiableKey = key(identity="id_2", roles=("other",))
            return found

        await world.cache.get(KeyHash("a"), load)
        assert world.left == {"a"}

    async def test_after_very_many_changes_no_load_is_kept(self) -> None:
        """What would have to be compared is bounded."""
        world = World()

        async def load(_: KeyHash) -> VerifiableKey | None:
            for number in range(1_000):
                world.owners.drop(f"identity:other_{number}")
            found: VerifiableKey = key()
            return found

        await world.cache.get(KeyHash("a"), load)
        assert world.left == set()

    @pytest.mark.parametrize("text", ["", "id_1", "group:x"])
    def test_a_text_that_names_no_owner_is_an_error(self, text: str) -> None:
        with pytest.raises(ValueError, match="owner"):
            World().owners.drop(text)


class TestMemory:
    def test_the_index_holds_only_what_the_cache_holds(self) -> None:
        world = World(max_entries=2)
        for name in "abcd":
            world.put(**{name: key(identity=f"id_{name}", roles=("r",))})
        assert len(world.cache) == 2
        assert len(world.owners) == 2 + 3  # identities; workspace with grants, its keyspace, the keyspace's workspace
        world.cache.drop_all()
        assert len(world.owners) == 0

    def test_a_key_that_changed_its_identity_is_found_under_the_new_one_only(self) -> None:
        world = World()
        world.put(a=key(identity="id_1"))
        world.put(a=replace(key(), identity=key(identity="id_2").identity))
        world.owners.drop("identity:id_1")
        assert world.left == {"a"}
        world.owners.drop("identity:id_2")
        assert world.left == set()
