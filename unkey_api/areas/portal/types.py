"""What a session of the portal is, and what it may touch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import orjson

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


_KEYSPACES = "keyspaceIds"
_SCOPES = "scopes"


class MalformedGrant(ValueError):
    """The stored text is not a grant."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Keyspaces and what may be done there."""

    keyspace_ids: tuple[str, ...]
    scopes: tuple[str, ...]

    def to_json(self) -> str:
        """Return the text to store."""
        return orjson.dumps({_KEYSPACES: self.keyspace_ids, _SCOPES: self.scopes}).decode()


def read_grant(text: str) -> Grant:
    """Return the stored grant; a missing list is empty.

    Raises:
        MalformedGrant: It is not an object of lists of texts.
    """
    try:
        stored = orjson.loads(text)
    except orjson.JSONDecodeError as err:
        raise MalformedGrant("not JSON") from err
    if not isinstance(stored, dict):
        raise MalformedGrant("not an object")
    return Grant(_texts(stored.get(_KEYSPACES)), _texts(stored.get(_SCOPES)))


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedGrant("not a list of texts")
    return tuple(value)
