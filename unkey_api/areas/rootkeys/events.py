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
    action = AuditAction.AUTHORIZATION_CONNECT_PERMISSION_AND_KEY
    return [_of_grant(action, f"Added permission {grant.permission} to", key, grant) for grant in grants]


def disconnected(key: AuditTarget, grants: Iterable[Grant]) -> list[AuditEvent]:
    """Tell which permissions a root key lost."""
    action = AuditAction.AUTHORIZATION_DISCONNECT_PERMISSION_AND_KEY
    return [_of_grant(action, f"Removed permission {grant.permission} from", key, grant) for grant in grants]


def _of_grant(action: AuditAction, what: str, key: AuditTarget, grant: Grant) -> AuditEvent:
    target = AuditTarget(TargetType.PERMISSION, grant.permission_id, grant.permission)
    return AuditEvent(action, f"{what} root key {key.id}", (key, target))
