"""Who is calling: what authentication found out, passed by value to everything below the handlers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class SubjectType(StrEnum):
    """Kind of actor, as written to the audit log."""

    ROOT_KEY = "rootkey"
    USER = "user"
    PORTAL_END_USER = "portalEndUser"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class PortalScope:
    """What a portal session may touch."""

    session_id: str
    portal_id: str
    external_id: str
    keyspace_ids: tuple[str, ...]
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller."""

    workspace_id: str
    """The workspace the caller acts in."""
    subject_id: str
    """Root key id, user id or external id."""
    subject_name: str
    subject_type: SubjectType
    permissions: frozenset[str]
    """Granted permission strings, tuples and URNs alike."""
    portal: PortalScope | None = None
    """Set for portal sessions only."""
    expires_ms: int | None = None
    """When the root key expires, in Unix milliseconds; None for one that never does and for every other credential."""


class Caller(NamedTuple):
    """A principal together with where the request came from, as audit entries want it.

    A tuple, because every request makes one.
    """

    principal: Principal
    request_id: str
    remote_ip: str
    user_agent: str


def operator(workspace_id: str) -> Caller:
    """Return the person at the terminal as the author of changes in a workspace."""
    principal = Principal(workspace_id, "operator", "Operator", SubjectType.SYSTEM, frozenset())
    return Caller(principal, request_id="", remote_ip="", user_agent="unkey-api")
