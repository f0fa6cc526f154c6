"""Tokens as credentials: whose they are, which workspace they act in, what they may."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.clock import FixedClock
from tests.support.reads import Direct
from tests.support.tokens import ISSUER, NOW_S, SECRET, Issuer, shared_token, signed_token
from unkey_api.auth.chain import AuthenticationChain, Credentials
from unkey_api.auth.errors import CredentialMalformed, CredentialMissing
from unkey_api.auth.jwks import PublishedKeys, TokenNotChecked
from unkey_api.auth.jwt import JsonWebTokens, OrganizationDisabled, OrganizationWithoutWorkspace
from unkey_api.auth.signatures import SharedSecrets
from unkey_api.auth.token import Expectation, TokenInvalid
from unkey_api.auth.workspaces import OrganizationWorkspace, Workspaces, workspace_cache
from unkey_api.core.ids import WorkspaceId
from unkey_api.core.principal import Principal, SubjectType
from unkey_api.core.secret import Secret
from unkey_api.infra.jwks import JwksFetchFailed
from unkey_api.infra.mysql import StoreUnavailable
from unkey_api.infra.resilience.tasks import BackgroundJobs


@dataclass
class Replica:
    """A database of workspaces by organization."""

    rows: dict[str, OrganizationWorkspace] = field(default_factory=dict)
    failure: Exception | None = None
    asked: int = 0

    async def fetch_one(self, query: object, params: Any) -> Any:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return self.rows.get(params["org_id"])

    async def fetch_all(self, query: object, params: Any) -> list[Any]:
        raise NotImplementedError


class World:
    """Tokens of one issuer, signed with a shared secret."""

    def __init__(self, *secrets: str, workos: bool = False) -> None:
        self.clock = FixedClock(NOW_S * 1_000)
        self.replica = Replica({"org_1": OrganizationWorkspace(WorkspaceId("ws_1"), enabled=True)})
        cache = workspace_cache(clock=self.clock, refreshes=BackgroundJobs("test"))
        keys = SharedSecrets([Secret(text) for text in secrets or (SECRET,)])
        self.tokens = JsonWebTokens(
            keys, Expectation(ISSUER, ""), Workspaces(cache, Direct(self.replica)), clock=self.clock, workos=workos
        )

    async def resolve(self, authorization: str | None) -> Principal | None:
        return await self.tokens.resolve(Credentials(authorization, None))

    async def caller(self, **changes: Any) -> Principal:
        found = await self.resolve(f"Bearer {shared_token(**changes)}")
        assert found is not None
        return found


class TestWhoseTokenItIs:
    @pytest.mark.parametrize("authorization", [None, "", "Basic x", "Bearer ", "Bearer unkey_abc", "Bearer a.b.c.d"])
    async def test_everything_without_exactly_two_dots_is_somebody_elses(self, authorization: str | None) -> None:
        assert await World().resolve(authorization) is None

    async def test_a_chain_of_tokens_only_finds_no_credential_in_another_bearer(self) -> None:
        chain = AuthenticationChain([World().tokens])
        with pytest.raises(CredentialMissing):
            await chain.authenticate("Bearer unkey_abc", None)
        with pytest.raises(CredentialMalformed):
            await chain.authenticate("Token unkey_abc", None)

    async def test_all_that_is_wrong_with_a_token_has_one_answer(self) -> None:
        world = World()
        wrong = [
            shared_token(secret="another-secret-of-at-least-32-bytes"),
            shared_token(exp=NOW_S - 1),
            shared_token(nbf=NOW_S + 1),
            shared_token(iss="https://other.test"),
            signed_token("a"),
            "a.b.c",
        ]
        for text in wrong:
            with pytest.raises(TokenInvalid) as caught:
                await world.resolve(f"Bearer {text}")
            assert caught.value.public == "Invalid bearer token."
        assert world.replica.asked == 0

    async def test_every_secret_is_tried(self) -> None:
        world = World("the-old-secret-of-at-least-32-bytes", SECRET)
        assert (await world.caller()).subject_id == "user_1"


class TestCaller:
    async def test_the_holder_acts_in_the_workspace_of_its_organization(self) -> None:
        found = await World().caller(name="Ada")
        assert found == Principal("ws_1", "user_1", "Ada", SubjectType.USER, frozenset({"api.*.read_api"}))

    async def test_permissions_of_workos_are_translated_and_unknown_ones_dropped(self) -> None:
        found = await World(workos=True).caller(permissions=["apps:create", "api.*.read_api", "keys:read "])
        assert found.permissions == {"unkey:v1:ws_1:projects/*/apps/*#create_app"}

    async def test_time_runs_on_for_a_token_that_was_good(self) -> None:
        world = World()
        await world.caller()
        world.clock.advance(61_000)
        with pytest.raises(TokenInvalid):
            await world.caller()


class TestWorkspace:
    async def test_no_workspace_is_forbidden_and_remembered(self) -> None:
        world = World()
        for _ in range(2):
            with pytest.raises(OrganizationWithoutWorkspace):
                await world.caller(org={"id": "org_2"})
        assert world.replica.asked == 1

    async def test_a_disabled_workspace_says_the_same_with_another_code(self) -> None:
        world = World()
        world.replica.rows["org_1"] = OrganizationWorkspace(WorkspaceId("ws_1"), enabled=False)
        with pytest.raises(OrganizationDisabled) as caught:
            await world.caller()
        assert caught.value.public == OrganizationWithoutWorkspace().public

    async def test_a_database_that_is_away_is_our_trouble_and_not_remembered(self) -> None:
        world = World()
        world.replica.failure = StoreUnavailable("gone")
        with pytest.raises(TokenNotChecked) as caught:
            await world.caller()
        assert caught.value.public == "Unable to verify the bearer token right now."
        world.replica.failure = None
        assert (await world.caller()).workspace_id == "ws_1"

    async def test_a_warm_token_asks_nobody(self) -> None:
        world = World()
        await world.caller()
        await world.caller()
        assert world.replica.asked == 1


class TestVouching:
    """For callers whose large bodies are read before anything is looked up."""

    async def test_a_token_that_is_in_force_vouches_once_its_workspace_is_known(self) -> None:
        world, credentials = World(), Credentials(f"Bearer {shared_token()}", None)
        assert not world.tokens.vouches_for(credentials)
        await world.caller()
        asked = world.replica.asked
        assert world.tokens.vouches_for(credentials)
        assert world.replica.asked == asked
        world.clock.advance(61_000)
        assert not world.tokens.vouches_for(credentials)

    @pytest.mark.parametrize(
        "authorization",
        [
            *(None, "", "Basic x", "Bearer unkey_abc", "Bearer a.b.c", "Bearer a.b.c.d"),
            f"Basic {shared_token()}",
            f"Bearer {shared_token()}.x",
            f"Bearer {shared_token(secret='another-secret-of-at-least-32-bytes')}",
            f"Bearer {shared_token(exp=NOW_S - 1)}",
            f"Bearer {shared_token(org={'id': 'org_unknown'})}",
        ],
        ids=lambda text: str(text)[:18],
    )
    async def test_nothing_else_does(self, authorization: str | None) -> None:
        world = World()
        await world.caller()
        assert not world.tokens.vouches_for(Credentials(authorization, None))


class TestChain:
    async def test_an_issuer_that_is_away_outweighs_a_root_key_that_is_unknown(self) -> None:
        """The caller may well be known to the issuer, so it must not be told that its credential is bad."""
        issuer = Issuer(failure=JwksFetchFailed("away"))

        class NoRootKey:
            def recognise(self, credentials: Credentials) -> Principal | None:
                return None

            def vouches_for(self, credentials: Credentials) -> bool:
                return False

            async def resolve(self, credentials: Credentials) -> Principal | None:
                raise TokenInvalid("stands for any refusal of a credential")

        world = World()
        keys = PublishedKeys(issuer.fetch, world.clock)
        replica = Workspaces(
            workspace_cache(clock=world.clock, refreshes=BackgroundJobs("test")), Direct(world.replica)
        )
        tokens = JsonWebTokens(keys, Expectation(ISSUER, ""), replica, clock=world.clock, workos=False)
        chain = AuthenticationChain([NoRootKey(), tokens])
        with pytest.raises(TokenNotChecked):
            await chain.authenticate(f"Bearer {signed_token('a')}", None)
        await keys.close()
