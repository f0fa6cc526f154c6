"""Audit entries about identities."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType


def identity_event(action: AuditAction, description: str, identity_id: str, external_id: str) -> AuditEvent:
    """Return an entry about the identity itself."""
    return AuditEvent(action, description, (AuditTarget(TargetType.IDENTITY, identity_id, external_id),))


def ratelimit_event(
    action: AuditAction,
    description: str,
    owner: tuple[str, str],
    ratelimit: tuple[str, str],
    told: Mapping[str, object] = MappingProxyType({}),
) -> AuditEvent:
    """Return an entry about a limit.

    `owner` is id and external id of the identity, `ratelimit` id and name, `told` what changed from what to what.
    """
    targets = (AuditTarget(TargetType.IDENTITY, *owner), AuditTarget(TargetType.RATELIMIT, *ratelimit))
    return AuditEvent(action, description, targets, meta=told)
