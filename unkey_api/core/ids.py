"""Identifiers: a prefix that names the kind, an underscore, nine random characters; and their types.

The types travel between layers: swapping two of them does not type-check. Ids are public handles, not secrets; those
come from `core.keymaterial`.
"""

from __future__ import annotations

import os
import string
import weakref
from collections.abc import Iterator
from enum import StrEnum
from typing import NewType, Protocol

ApiId = NewType("ApiId", str)
AppId = NewType("AppId", str)
CorrelationId = NewType("CorrelationId", str)
DeploymentId = NewType("DeploymentId", str)
DomainId = NewType("DomainId", str)
EnvironmentId = NewType("EnvironmentId", str)
EventId = NewType("EventId", str)
ExternalId = NewType("ExternalId", str)
IdentityId = NewType("IdentityId", str)
KeyId = NewType("KeyId", str)
KeyspaceId = NewType("KeyspaceId", str)
MigrationId = NewType("MigrationId", str)
NamespaceId = NewType("NamespaceId", str)
OverrideId = NewType("OverrideId", str)
PermissionId = NewType("PermissionId", str)
PolicyId = NewType("PolicyId", str)
PortalId = NewType("PortalId", str)
PortalSessionId = NewType("PortalSessionId", str)
ProjectId = NewType("ProjectId", str)
RatelimitId = NewType("RatelimitId", str)
RequestId = NewType("RequestId", str)
RoleId = NewType("RoleId", str)
WorkspaceId = NewType("WorkspaceId", str)

KeyHash = NewType("KeyHash", str)
"""Digest of a key's text as stored in `keys.hash`; the key cannot be got back from it."""


ALPHABET = string.ascii_letters + string.digits
RANDOM_LENGTH = 9

_BLOCK = 4096  # a call of the system for each id would cost several times the rest
# Every request needs an id, so its letters are made in one step from random bytes. Bytes past the largest multiple of
# 62 would make the first letters likelier and are thrown away; enough are drawn to make up for that.
_DRAWN = 16
_FAIR = 256 - 256 % len(ALPHABET)
_LETTER_OF_BYTE = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_UNFAIR = bytes(range(_FAIR, 256))


class IdPrefix(StrEnum):
    """What an id names."""

    API = "api"
    APP = "app"
    CORRELATION = "cor"
    DEPLOYMENT = "d"
    DOMAIN = "dom"
    ENVIRONMENT = "env"
    ENVIRONMENT_VARIABLE = "evr"
    EVENT = "log"
    IDENTITY = "id"
    INSTANCE = "ins"
    KEY = "key"
    KEYSPACE = "ks"
    PERMISSION = "perm"
    POLICY = "pol"
    PORTAL = "pc"
    PORTAL_SESSION = "ps"
    PROJECT = "proj"
    RATELIMIT = "rl"
    RATELIMIT_NAMESPACE = "rlns"
    RATELIMIT_OVERRIDE = "rlor"
    REQUEST = "req"
    ROLE = "role"
    WORKSPACE = "ws"


class IdSource(Protocol):
    """Where new ids come from. Tests pass one they can predict."""

    def new(self, prefix: IdPrefix) -> str:
        """Return a fresh id, `<prefix>_` and nine characters of `[a-zA-Z0-9]`."""
        ...


class RandomIds:
    """Ids from the system's secure random source: 62**9 values per prefix, and none tells the next.

    Ids travel to callers, so a source that can be worked out from its outcome would tell everybody's.
    """

    def __init__(self) -> None:
        self._drawn: Iterator[bytes] = iter(())
        me = weakref.ref(self)
        # A copy of what was drawn would have every forked worker hand out the same ids.
        os.register_at_fork(after_in_child=lambda: _forget(me))

    def new(self, prefix: IdPrefix) -> str:
        """Return a fresh id, `<prefix>_` and nine characters of `[a-zA-Z0-9]`."""
        letters = b""
        while len(letters) < RANDOM_LENGTH:  # one turn but for one time in millions
            letters = (next(self._drawn, b"") or self._draw()).translate(_LETTER_OF_BYTE, _UNFAIR)
        return prefix + "_" + letters[:RANDOM_LENGTH].decode()

    def _draw(self) -> bytes:
        block = os.urandom(_BLOCK)
        self._drawn = iter([block[start : start + _DRAWN] for start in range(_DRAWN, _BLOCK, _DRAWN)])
        return block[:_DRAWN]

    def forget(self) -> None:
        """Throw away what was drawn in advance."""
        self._drawn = iter(())


def _forget(reference: weakref.ref[RandomIds]) -> None:
    ids = reference()
    if ids is not None:
        ids.forget()
