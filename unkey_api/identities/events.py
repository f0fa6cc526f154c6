"""Audit entries about identities."""

from __future__ import annotations

from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType


def identity_event(action: AuditAction, description: str, identity_id: str, external_id: str) -> AuditEvent:
    """Return an entry about the identity itself."""
    return AuditEvent(action, description, (AuditTarget(TargetType.IDENTITY, identity_id, external_id),))


def ratelimit_event(
    action: AuditAction, description: str, owner: tuple[str, str], ratelimit: tuple[str, str]
) -> AuditEvent:
    """Return an entry about a limit. `owner` is id and external id of the identity, `ratelimit` id and name."""
    targets = (AuditTarget(TargetType.IDENTITY, *owner), AuditTarget(TargetType.RATELIMIT, *ratelimit))
    return AuditEvent(action, description, targets)
