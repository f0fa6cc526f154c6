"""Session cookies of the portal as credentials."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.clock import FixedClock
from tests.support.reads import Direct
from unkey_api.areas.portal.sessions import PortalSessions, session_cache
from unkey_api.areas.portal.types import Grant, MalformedGrant, PortalSessionRow, SessionState, read_grant
from unkey_api.auth.chain import AuthenticationChain, Credentials
from unkey_api.auth.errors import CredentialMissing
from unkey_api.auth.portal_session import (
    PortalCookies,
    PortalSessionCorrupt,
    PortalSessionInvalid,
    PortalSessionNotLoaded,
    PortalTokenMissing,
)
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import ExternalId, PortalId, PortalSessionId, WorkspaceId
from unkey_api.core.keymaterial import hash_key
from unkey_api.core.principal import PortalScope, Principal, SubjectType
from unkey_api.core.text import find_cookie
from unkey_api.infra.mysql import StoreUnavailable
from unkey_api.infra.resilience.tasks import BackgroundJobs

NOW = 1_750_000_000_000
TOKEN = "pat_secret"
ROW = PortalSessionRow(
    id=PortalSessionId("ps_1"),
    workspace_id=WorkspaceId("ws_1"),
    portal_id=PortalId("pc_1"),
    external_id=ExternalId("user_1"),
    scopes='{"keyspaceIds": ["ks_1"], "scopes": ["keys:read"]}',
    exchange_code_expires_at=UnixMs(NOW - 5_000),
    access_token_hash=hash_key(TOKEN),
    access_token_created_at=UnixMs(NOW - 1_000),
    access_token_expires_at=UnixMs(NOW + 1_000),
    revoked_at=None,
)


class Replica:
    """A database with one session or none."""

    def __init__(self, row: PortalSessionRow | None) -> None:
        self.row = row
        self.failure: Exception | None = None
        self.hashes: list[str] = []

    async def fetch_one(self, query: object, params: Any) -> Any:
        self.hashes.append(params["hash"])
        if self.failure is not None:
            raise self.failure
        return self.row

    async def fetch_all(self, query: object, params: Any) -> list[Any]:
        raise NotImplementedError


class World:
    def __init__(self, row: PortalSessionRow | None = ROW) -> None:
        self.clock = FixedClock(NOW)
        self.replica = Replica(row)
        cache = session_cache(clock=self.clock, refreshes=BackgroundJobs("test"))
        self.cookies = PortalCookies(PortalSessions(cache, Direct(self.replica)), self.clock)

    async def resolve(self, cookie: str | None = f"portal_session={TOKEN}", authorization: str | None = None) -> Any:
        return await self.cookies.resolve(Credentials(authorization, cookie))


class TestResolving:
    async def test_an_active_session_is_an_end_user_with_exactly_its_scopes(self) -> None:
        world = World()
        scope = PortalScope("ps_1", "pc_1", "user_1", ("ks_1",), frozenset({"keys:read"}))
        expected = Principal("ws_1", "user_1", "user_1", SubjectType.PORTAL_END_USER, scope.scopes, scope)
        assert await world.resolve() == expected
        assert world.replica.hashes == [hash_key(TOKEN)]

    @pytest.mark.parametrize("cookie", [None, "", "other=1", "xportal_session=1", "portal_session"])
    async def test_without_the_cookie_nobody_is_recognised(self, cookie: str | None) -> None:
        assert await World().resolve(cookie) is None

    async def test_an_authorization_header_wins_over_a_stale_cookie(self) -> None:
        world = World()
        assert await world.resolve(authorization="Bearer x") is None
        with pytest.raises(CredentialMissing):
            await AuthenticationChain([world.cookies]).authenticate("Bearer x", f"portal_session={TOKEN}")
        assert world.replica.hashes == []

    async def test_an_empty_cookie_has_its_own_answer(self) -> None:
        with pytest.raises(PortalTokenMissing):
            await World().resolve("portal_session=")

    async def test_an_unknown_session_is_remembered_as_such(self) -> None:
        world = World(None)
        for _ in range(2):
            with pytest.raises(PortalSessionInvalid):
                await world.resolve()
        assert len(world.replica.hashes) == 1

    async def test_a_database_that_is_away_is_our_trouble(self) -> None:
        world = World()
        world.replica.failure = StoreUnavailable("gone")
        with pytest.raises(PortalSessionNotLoaded):
            await world.resolve()


class TestState:
    @pytest.mark.parametrize(
        ("changes", "state"),
        [
            ({"revoked_at": NOW - 1, "access_token_hash": None}, SessionState.REVOKED),
            ({"access_token_hash": None, "exchange_code_expires_at": NOW + 1}, SessionState.PENDING),
            ({"access_token_hash": None, "exchange_code_expires_at": NOW}, SessionState.CODE_EXPIRED),
            ({"access_token_expires_at": NOW}, SessionState.EXPIRED),
            ({"access_token_expires_at": None}, SessionState.EXPIRED),
            ({}, SessionState.ACTIVE),
        ],
    )
    def test_the_first_that_applies(self, changes: dict[str, Any], state: SessionState) -> None:
        assert replace(ROW, **changes).state_at(NOW) is state

    @pytest.mark.parametrize("changes", [{"revoked_at": NOW}, {"access_token_expires_at": NOW}])
    async def test_what_is_over_has_one_answer(self, changes: dict[str, Any]) -> None:
        with pytest.raises(PortalSessionInvalid) as caught:
            await World(replace(ROW, **changes)).resolve()
        assert caught.value.public == "The portal session is invalid or has expired."

    async def test_expiry_is_judged_now_although_the_session_is_cached(self) -> None:
        world = World()
        await world.resolve()
        world.clock.advance(1_000)
        with pytest.raises(PortalSessionInvalid):
            await world.resolve()
        assert len(world.replica.hashes) == 1

    @pytest.mark.parametrize("column", ["access_token_created_at", "access_token_expires_at"])
    async def test_a_token_without_times_is_our_trouble_unless_revoked(self, column: str) -> None:
        broken = replace(ROW, **{column: None})  # type: ignore[arg-type]  # the name is a parameter
        with pytest.raises(PortalSessionCorrupt):
            await World(broken).resolve()
        with pytest.raises(PortalSessionInvalid):
            await World(replace(broken, revoked_at=UnixMs(NOW))).resolve()

    async def test_unreadable_scopes_are_our_trouble(self) -> None:
        with pytest.raises(PortalSessionCorrupt):
            await World(replace(ROW, scopes="[]")).resolve()


class TestGrant:
    def test_what_is_written_is_read_again(self) -> None:
        grant = Grant(("ks_1",), ("keys:read", "keys:read"))
        assert read_grant(grant.to_json()) == grant

    def test_missing_lists_are_empty(self) -> None:
        assert read_grant("{}") == Grant((), ())

    @pytest.mark.parametrize("text", ["", "[]", '{"scopes": "keys:read"}', '{"keyspaceIds": [1]}'])
    def test_anything_else_is_malformed(self, text: str) -> None:
        with pytest.raises(MalformedGrant):
            read_grant(text)


class TestCookieHeader:
    def test_the_first_of_a_name_counts_and_is_taken_as_sent(self) -> None:
        assert find_cookie("a=1; b=x%20=y; b=2", "b") == "x%20=y"
        assert find_cookie("b=", "b") == ""
        assert find_cookie("a=b", "b") is None


class TestVouching:
    """For callers whose large bodies are read before anything is looked up."""

    @pytest.mark.parametrize(
        ("credentials", "vouched"),
        [
            (Credentials(None, f"portal_session={TOKEN}"), True),
            (Credentials("Bearer x", f"portal_session={TOKEN}"), False),
            (Credentials("Bearer x", None), False),
            (Credentials(None, "portal_session="), False),
            (Credentials(None, None), False),
            (Credentials(None, "portal_session=pat_other"), False),
        ],
        ids=["session", "session-and-header", "header", "empty", "nothing", "unknown"],
    )
    async def test_a_session_seen_before_vouches_for_a_request_without_a_header(
        self, credentials: Credentials, *, vouched: bool
    ) -> None:
        world = World()
        await world.resolve()
        asked = len(world.replica.hashes)
        assert world.cookies.vouches_for(credentials) is vouched
        assert len(world.replica.hashes) == asked

    async def test_neither_one_never_seen_nor_one_that_ended_vouches(self) -> None:
        world, cookie = World(), Credentials(None, f"portal_session={TOKEN}")
        assert not world.cookies.vouches_for(cookie)
        await world.resolve()
        world.clock.advance(999)
        assert world.cookies.vouches_for(cookie)
        world.clock.advance(1)
        assert not world.cookies.vouches_for(cookie)
