"""Audit events about keys."""

from __future__ import annotations

from collections.abc import Mapping

from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType


def key_target(key_id: str, name: str = "", meta: Mapping[str, object] | None = None) -> AuditTarget:
    """Return a key as the target of an event."""
    return AuditTarget(TargetType.KEY, key_id, name, meta or {})


def api_target(api_id: str, name: str) -> AuditTarget:
    """Return an API as the target of an event."""
    return AuditTarget(TargetType.API, api_id, name)


def permission_connected(key: AuditTarget, permission_id: str, *, label: str, shown: str) -> AuditEvent:
    """Tell that a permission was given to a key. `label` goes into the sentence, `shown` names the target."""
    return AuditEvent(
        AuditAction.AUTHORIZATION_CONNECT_PERMISSION_AND_KEY,
        f"Added permission {label} to key {key.id}",
        (key, AuditTarget(TargetType.PERMISSION, permission_id, shown)),
    )


def role_connected(key: AuditTarget, role_id: str, name: str, *, verb: str = "Connected") -> AuditEvent:
    """Tell that a role was given to a key."""
    return AuditEvent(
        AuditAction.AUTHORIZATION_CONNECT_ROLE_AND_KEY,
        f"{verb} role {name} to key {key.id}",
        (key, AuditTarget(TargetType.ROLE, role_id, name)),
    )


def key_created(key_id: str, shown: str, api: AuditTarget, *, suffix: str = "") -> AuditEvent:
    """Tell that a key was created. `shown` names the target, `suffix` is added to the sentence."""
    return AuditEvent(AuditAction.KEY_CREATE, f"Created key {key_id}{suffix}", (key_target(key_id, shown), api))
