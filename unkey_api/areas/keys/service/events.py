"""Audit entries about keys."""

from __future__ import annotations

from collections.abc import Mapping

from unkey_api.areas.keys.live_queries import get_details, get_key
from unkey_api.areas.permissions.types import Permission, Role
from unkey_api.audit.service import changed_members
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.principal import Principal
from unkey_api.infra.mysql import ReadConn


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


def permission_created(permission: Permission) -> AuditEvent:
    """Tell that a permission was created on the way."""
    meta = {"name": permission.name, "slug": permission.slug}
    target = AuditTarget(TargetType.PERMISSION, permission.id, permission.slug, meta)
    return AuditEvent(AuditAction.PERMISSION_CREATE, f"Created {permission.slug} ({permission.id})", (target,))


def permission_disconnected(key: AuditTarget, permission: Permission) -> AuditEvent:
    """Tell that a permission was taken from a key."""
    return AuditEvent(
        AuditAction.AUTHORIZATION_DISCONNECT_PERMISSION_AND_KEY,
        f"Removed permission {permission.name} from key {key.id}",
        (key, AuditTarget(TargetType.PERMISSION, permission.id, permission.name)),
    )


def role_disconnected(key: AuditTarget, role: Role) -> AuditEvent:
    """Tell that a role was taken from a key."""
    return AuditEvent(
        AuditAction.AUTHORIZATION_DISCONNECT_ROLE_AND_KEY,
        f"Removed role {role.name} from key {key.id}",
        (key, AuditTarget(TargetType.ROLE, role.id, role.name)),
    )


def key_updated(key: AuditTarget, api: AuditTarget) -> AuditEvent:
    """Tell that a key was changed."""
    return AuditEvent(AuditAction.KEY_UPDATE, f"Updated key {key.id}", (key, api))


def credits_set(key_id: str, keyspace_id: str, before: int | None, remaining: int | None) -> AuditEvent:
    """Tell that a balance was changed, from what to what. None means unlimited."""
    shown = "unlimited" if remaining is None else str(remaining)
    targets = AuditTarget(TargetType.KEYSPACE, keyspace_id), key_target(key_id)
    changes = changed_members({"remaining": before}, {"remaining": remaining})
    return AuditEvent(AuditAction.KEY_UPDATE, f"Updated Key {key_id}, set remaining to {shown}.", targets, meta=changes)


def key_deleted(key: AuditTarget, *, permanent: bool) -> AuditEvent:
    """Tell that a key was deleted."""
    return AuditEvent(AuditAction.KEY_DELETE, f"{'Permanently deleted' if permanent else 'Deleted'} {key.id}", (key,))


def key_rerolled(old: AuditTarget, new: AuditTarget, api: AuditTarget) -> AuditEvent:
    """Tell that a key was replaced."""
    return AuditEvent(AuditAction.KEY_REROLL, f"Rerolled key ({old.id}) to ({new.id})", (new, old, api))


async def state_of(conn: ReadConn, principal: Principal, key_id: str) -> Mapping[str, object]:
    """Return the key as people may see it, without anything secret. Two statements; call it under the key's lock.

    Raises:
        KeyNotFound: There is no such key in the caller's workspace.
    """
    key = await get_key(conn, principal, key_id)
    details = await get_details(conn, key)
    return {
        "name": key.name,
        "enabled": key.enabled,
        "expires": key.expires,
        "externalId": details.external_id,
        "meta": key.meta,
        "remaining": key.remaining_requests,
        "refillAmount": key.refill_amount,
        "refillDay": key.refill_day,
        "permissions": sorted(details.direct_permissions or ()),
        "roles": sorted(details.role_names or ()),
        "ratelimits": {
            name: {"limit": limit, "duration": duration, "autoApply": bool(auto_apply)}
            for _, name, limit, duration, auto_apply in sorted(details.key_limits or ())
        },
    }
