"""From the `[[auth]]` entries to who knows which caller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from unkey_api.areas.keys.verification.directory import KeyDirectory
from unkey_api.areas.portal.sessions import PortalSessions
from unkey_api.auth.chain import AuthenticationChain, Resolver
from unkey_api.auth.jwks import PublishedKeys
from unkey_api.auth.jwt import JsonWebTokens, TokenKeys
from unkey_api.auth.portal_session import PortalCookies
from unkey_api.auth.root_key import RootKeys
from unkey_api.auth.signatures import SharedSecrets
from unkey_api.auth.token import Expectation
from unkey_api.auth.workspaces import Workspaces
from unkey_api.container.caches import Caches
from unkey_api.core.clock import Clock
from unkey_api.infra.jwks import JwksClient, open_jwks_session
from unkey_api.infra.mysql import Database
from unkey_api.settings.auth import WORKOS, AuthEntry, JwtAuth, PortalSessionAuth, RootKeyAuth


@dataclass(frozen=True, slots=True)
class Authenticators:
    """Who knows callers."""

    protected: AuthenticationChain
    """For operations that take a bearer credential; tried in the order of the configuration."""
    portal: AuthenticationChain
    """For operations of the portal's end users."""


@asynccontextmanager
async def open_authenticators(
    entries: Sequence[AuthEntry], directory: KeyDirectory, caches: Caches, database: Database, clock: Clock
) -> AsyncIterator[Authenticators]:
    """Build the chains. A kind of credential that has no entry is not accepted."""
    async with AsyncExitStack() as stack:
        workspaces = Workspaces(caches.workspaces, database)
        sessions = PortalSessions(caches.portal_sessions, database)
        protected: list[Resolver] = []
        portal: list[Resolver] = []
        session = await stack.enter_async_context(open_jwks_session())
        for entry in entries:
            match entry:
                case RootKeyAuth():
                    protected.append(RootKeys(directory, clock))
                case JwtAuth(secrets=()):
                    published = PublishedKeys(JwksClient(session, entry.jwks_url).fetch, clock)
                    stack.push_async_callback(published.close)
                    protected.append(_tokens(entry, published, workspaces, clock))
                case JwtAuth():
                    protected.append(_tokens(entry, SharedSecrets(entry.secrets), workspaces, clock))
                case PortalSessionAuth():
                    portal.append(PortalCookies(sessions, clock))
        yield Authenticators(AuthenticationChain(protected), AuthenticationChain(portal))


def _tokens(entry: JwtAuth, keys: TokenKeys, workspaces: Workspaces, clock: Clock) -> JsonWebTokens:
    expected = Expectation(entry.issuer, entry.audience)
    return JsonWebTokens(keys, expected, workspaces, clock=clock, workos=entry.provider == WORKOS)
