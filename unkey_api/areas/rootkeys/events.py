"""Audit events about root keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from unkey_api.areas.rootkeys.grants import Grant
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType


def target_of(key_id: str, name: str | None, meta: Mapping[str, object] | None = None) -> AuditTarget:
    """Return a root key as the target of an event."""
    return AuditTarget(TargetType.KEY, key_id, name or key_id, meta or {})


def changed(action: AuditAction, sentence: str, *targets: AuditTarget) -> AuditEvent:
    """Tell that something happened to root keys."""
    return AuditEvent(action, sentence, targets)


def connected(key: AuditTarget, grants: Iterable[Grant]) -> list[AuditEvent]:
    """Tell which permissions a root key got."""
    return [
        AuditEvent(
            AuditAction.AUTHORIZATION_CONNECT_PERMISSION_AND_KEY,
            f"Added permission {grant.permission} to root key {key.id}",
            (key, AuditTarget(TargetType.PERMISSION, grant.permission_id, grant.permission)),
        )
        for grant in grants
    ]


def disconnected(key: AuditTarget, grants: Iterable[Grant]) -> list[AuditEvent]:
    """Tell which permissions a root key lost."""
    return [
        AuditEvent(
            AuditAction.AUTHORIZATION_DISCONNECT_PERMISSION_AND_KEY,
            f"Removed permission {grant.permission} from root key {key.id}",
            (key, AuditTarget(TargetType.PERMISSION, grant.permission_id, grant.permission)),
        )
        for grant in grants
    ]
