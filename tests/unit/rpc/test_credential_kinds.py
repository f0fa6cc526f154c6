"""Which authenticator an operation asks follows from what its method declares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from unkey_proto.unkey.keys.v2.keys_connect import KeysService
from unkey_proto.unkey.options.v1.options_pb import AuthKind

from tests.support.key_surroundings import Unthrottled
from tests.support.surface import Surface
from unkey_api.app import _authentication
from unkey_api.auth.errors import CredentialMissing
from unkey_api.core.principal import Principal, SubjectType
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.interceptors.credentials import Authentication, check_presence
from unkey_api.rpc.method import MethodSpec, describe
from unkey_api.rpc.request_state import RequestState, enter

PORTAL_USER = Principal("ws_1", "user_1", "user_1", SubjectType.PORTAL_END_USER, frozenset())


def spec(kind: AuthKind) -> MethodSpec:
    return replace(describe(KeysService.desc())[0], auth=kind)


def state(*headers: tuple[bytes, bytes]) -> RequestState:
    made = RequestState(
        {"method": "POST", "path": "/", "headers": list(headers)}, request_id="req_1", started_ms=0, started_at=0.0
    )
    enter(made)
    return made


class Recording:
    """An authenticator that remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[str | None, str | None]] = []

    def recognise(self, authorization: str | None, cookie: str | None) -> Principal | None:
        return None

    async def authenticate(self, authorization: str | None, cookie: str | None) -> Principal:
        self.given.append((authorization, cookie))
        return PORTAL_USER


async def run(interceptor: Authentication) -> None:
    async def end(request: Any, ctx: Any) -> Any:
        return request

    following: Callable[[Any, Any], Awaitable[Any]] = end
    await interceptor.intercept_unary(following, None, None)  # type: ignore[arg-type]  # neither is looked at


class TestPortalOperations:
    def test_the_cookie_must_be_there_whatever_else_is(self) -> None:
        for headers in ([], [(b"authorization", b"Bearer x")], [(b"cookie", b"xportal_session=1")]):
            with pytest.raises(Fault):
                check_presence(state(*headers), AuthKind.PORTAL_SESSION)
        check_presence(state((b"cookie", b"portal_session=")), AuthKind.PORTAL_SESSION)

    async def test_a_cookie_that_http2_split_is_joined(self) -> None:
        seen = state((b"cookie", b"a=1"), (b"cookie", b"portal_session=x"))
        recording = Recording()
        await run(Authentication(recording, Unthrottled(), reads_cookies=True))
        assert recording.given == [(None, "a=1; portal_session=x")]
        assert seen.principal is PORTAL_USER


class TestOtherOperations:
    async def test_no_cookie_reaches_them(self) -> None:
        state((b"cookie", b"portal_session=x"))
        recording = Recording()
        await run(Authentication(recording, Unthrottled()))
        assert recording.given == [(None, None)]


class TestChain:
    @pytest.mark.parametrize("kind", [AuthKind.ROOT_KEY, AuthKind.PORTAL_SESSION])
    async def test_the_kind_chooses_the_authenticator(self, kind: AuthKind) -> None:
        protected, portal = Recording(), Recording()
        platform = replace(Surface().parts(), authenticator=protected, portal_authenticator=portal)
        state()
        await run(_authentication(platform, spec(kind)))
        assert (len(protected.given), len(portal.given)) == ((0, 1) if kind is AuthKind.PORTAL_SESSION else (1, 0))

    async def test_nobody_is_recognised_when_portal_sessions_are_not_configured(self) -> None:
        state((b"cookie", b"portal_session=x"))
        with pytest.raises(CredentialMissing):
            await run(_authentication(Surface().parts(), spec(AuthKind.PORTAL_SESSION)))
