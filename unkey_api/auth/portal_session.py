"""Portal sessions as credentials."""

from __future__ import annotations

from unkey_api.areas.portal.sessions import PortalSessions
from unkey_api.areas.portal.types import MalformedGrant, PortalSessionRow, SessionState, read_grant
from unkey_api.auth.chain import Credentials
from unkey_api.core.clock import Clock
from unkey_api.core.errors import AppError, ErrorCode, ServiceUnavailable, Unexpected
from unkey_api.core.keymaterial import hash_key
from unkey_api.core.principal import PortalScope, Principal, SubjectType
from unkey_api.core.text import find_cookie
from unkey_api.infra.mysql import StoreUnavailable

COOKIE = "portal_session"


class PortalTokenMissing(AppError):
    """There is a cookie, but nothing in it."""

    code = ErrorCode.AUTHENTICATION_PORTAL_TOKEN_MISSING
    sentence = "A valid portal session token is required."


class PortalSessionInvalid(AppError):
    """No such session, or it is over. Which of the two is not told."""

    code = ErrorCode.AUTHENTICATION_PORTAL_SESSION_NOT_FOUND

    def __init__(self, internal: str) -> None:
        super().__init__("The portal session is invalid or has expired.", internal=internal)


class PortalSessionNotLoaded(ServiceUnavailable):
    """The session could not be looked up. It says nothing about the session."""

    def __init__(self, internal: str) -> None:
        super().__init__("Failed to validate portal session.", internal=internal)


class PortalSessionCorrupt(Unexpected):
    """The stored session contradicts itself."""

    def __init__(self, internal: str) -> None:
        super().__init__("An internal error occurred.", internal=internal)


class PortalCookies:
    """Resolves the session cookie of the portal. A request with an Authorization header is somebody else's."""

    def __init__(self, sessions: PortalSessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def recognise(self, credentials: Credentials) -> Principal | None:
        """Return None: `resolve` judges a session anew each time."""
        return None

    def vouches_for(self, credentials: Credentials) -> bool:
        """Say whether the session was in force when it was read last, and still is."""
        token = find_cookie(credentials.cookie, COOKIE)
        if credentials.authorization is not None or not token:
            return False
        session = self._sessions.held(hash_key(token))
        return session is not None and session.state_at(self._clock.now_ms()) is SessionState.ACTIVE

    async def resolve(self, credentials: Credentials) -> Principal | None:
        """Return the end user; None without the cookie or with an Authorization header.

        Expiry is judged now, whatever the age of the cached session.

        Raises:
            PortalTokenMissing: The cookie is empty.
            PortalSessionInvalid: No such session, or it is revoked, expired or not begun.
            PortalSessionNotLoaded: It is not cached and the database failed.
            PortalSessionCorrupt: The stored session contradicts itself.
        """
        token = find_cookie(credentials.cookie, COOKIE)
        if credentials.authorization is not None or token is None:
            return None
        if not token:
            raise PortalTokenMissing
        try:
            session = await self._sessions.find(hash_key(token))
        except StoreUnavailable as err:
            raise PortalSessionNotLoaded(err.internal) from err
        if session is None:
            raise PortalSessionInvalid("no such session")
        return _end_user(session, session.state_at(self._clock.now_ms()))


def _end_user(session: PortalSessionRow, state: SessionState) -> Principal:
    if state is not SessionState.REVOKED and session.corrupt:
        raise PortalSessionCorrupt(f"session {session.id} has a token without times")
    if state is not SessionState.ACTIVE:
        raise PortalSessionInvalid(f"session {session.id} is {state}")
    try:
        grant = read_grant(session.scopes)
    except MalformedGrant as err:
        raise PortalSessionCorrupt(f"scopes of session {session.id}: {err}") from err
    scopes = frozenset(grant.scopes)
    return Principal(
        workspace_id=session.workspace_id,
        subject_id=session.external_id,
        subject_name=session.external_id,
        subject_type=SubjectType.PORTAL_END_USER,
        permissions=scopes,
        portal=PortalScope(session.id, session.portal_id, session.external_id, grant.keyspace_ids, scopes),
    )
