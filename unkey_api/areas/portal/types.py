"""The vocabulary of portal sessions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import ExternalId, PortalId, PortalSessionId, WorkspaceId


class PortalScopeName(StrEnum):
    """What a session may do. None implies another."""

    KEYS_READ = "keys:read"
    KEYS_CREATE = "keys:create"
    KEYS_REROLL = "keys:reroll"
    ANALYTICS_READ = "analytics:read"


class SessionState(StrEnum):
    """Where a session is in its life. Never stored: it follows from the row and the time."""

    REVOKED = "revoked"
    PENDING = "pending"
    """The code was not exchanged yet."""
    CODE_EXPIRED = "code_expired"
    EXPIRED = "expired"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class PortalSessionRow:
    """A session as stored."""

    id: PortalSessionId
    workspace_id: WorkspaceId
    portal_id: PortalId
    external_id: ExternalId
    scopes: str
    """JSON text: `{"keyspaceIds": [...], "scopes": [...]}`."""
    exchange_code_expires_at: UnixMs
    access_token_hash: str | None
    access_token_created_at: UnixMs | None
    access_token_expires_at: UnixMs | None
    revoked_at: UnixMs | None

    def state_at(self, now_ms: int) -> SessionState:
        """Return the state. An expiry equal to now has passed."""
        if self.revoked_at is not None:
            return SessionState.REVOKED
        if self.access_token_hash is None:
            return SessionState.PENDING if self.exchange_code_expires_at > now_ms else SessionState.CODE_EXPIRED
        if self.access_token_expires_at is None or self.access_token_expires_at <= now_ms:
            return SessionState.EXPIRED
        return SessionState.ACTIVE

    @property
    def corrupt(self) -> bool:
        """Whether the code was exchanged, but when, or until when, is missing."""
        exchanged = self.access_token_hash is not None
        return exchanged and (self.access_token_created_at is None or self.access_token_expires_at is None)
