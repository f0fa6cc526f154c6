"""Between protobuf and the types of this package."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from protobuf.wkt.google.protobuf.field_mask_pb import FieldMask
from unkey_proto.unkey.identities.v2.identity_pb import Identity
from unkey_proto.unkey.keys.v2 import issuing_pb, key_pb, management_pb
from unkey_proto.unkey.permissions.v2 import permission_pb
from unkey_proto.unkey.ratelimit.v2.config_pb import Ratelimit, RatelimitConfig

from unkey_api.areas.keys.live_queries import KeyDetails
from unkey_api.areas.keys.service.change import CreditState
from unkey_api.areas.keys.service.get import ShownKey
from unkey_api.areas.keys.service.migrate import MigrationResult
from unkey_api.areas.keys.types import (
    UNSET,
    CreateKeyCommand,
    CreditChanges,
    CreditSettings,
    LimitColumns,
    MigrateKey,
    MigrateKeysCommand,
    Refill,
    RefillInterval,
    Unset,
    UpdateKeyCommand,
)
from unkey_api.areas.permissions.types import Permission, Role
from unkey_api.areas.ratelimit.types import AttachedLimit
from unkey_api.rpc.messages import struct_of, text_of

T = TypeVar("T")


def to_create(request: issuing_pb.CreateKeyRequest) -> CreateKeyCommand:
    """Read a request to create a key."""
    return CreateKeyCommand(
        api_id=request.api_id,
        prefix=request.prefix or None,
        name=request.name or None,
        byte_length=request.byte_length or None,
        external_id=request.external_id or None,
        meta=None if request.meta is None else text_of(request.meta),
        roles=tuple(request.roles),
        permissions=tuple(request.permissions),
        expires_ms=request.expires if request.has_field("expires") else None,
        credits=None if request.credits is None else to_credits(request.credits),
        ratelimits=to_ratelimits(request.ratelimits),
        enabled=request.enabled if request.has_field("enabled") else True,
        recoverable=request.recoverable,
    )


def to_credits(message: key_pb.KeyCredits) -> CreditSettings:
    """Read credits. That `remaining` is there or explicitly null has been checked."""
    return CreditSettings(
        remaining=message.remaining if message.has_field("remaining") else None,
        refill=None if message.refill is None else to_refill(message.refill),
    )


def to_refill(message: key_pb.KeyCreditsRefill) -> Refill:
    """Read a refill."""
    day = message.refill_day if message.has_field("refill_day") else None
    return Refill(RefillInterval(message.interval), message.amount, day)


def to_ratelimits(messages: Iterable[RatelimitConfig]) -> tuple[AttachedLimit, ...]:
    """Read limits to attach to a key."""
    return tuple(
        AttachedLimit(message.name, message.limit, message.duration, message.auto_apply) for message in messages
    )


def to_update(request: management_pb.UpdateKeyRequest) -> UpdateKeyCommand:
    """Read a request to change a key. What is neither there nor null is left alone."""
    nulls, meta = _nulls(request.null_fields), request.meta

    def nullable(name: str, value: T, *, present: bool) -> T | Unset | None:
        if name in nulls:
            return None
        return value if present else UNSET

    def replaced(name: str, values: tuple[T, ...]) -> tuple[T, ...] | Unset:
        # An empty list cannot be told from an absent one in protobuf, so a request to clear names the field.
        return values if values or name in nulls else UNSET

    return UpdateKeyCommand(
        key_id=request.key_id,
        name=nullable("name", request.name, present=request.has_field("name")),
        external_id=nullable("external_id", request.external_id, present=request.has_field("external_id")),
        meta=nullable("meta", "" if meta is None else text_of(meta), present=meta is not None),
        expires_ms=nullable("expires", request.expires, present=request.has_field("expires")),
        enabled=request.enabled if request.has_field("enabled") else UNSET,
        credits=_to_credit_changes(request, nulls),
        ratelimits=replaced("ratelimits", to_ratelimits(request.ratelimits)),
        permissions=replaced("permissions", tuple(request.permissions)),
        roles=replaced("roles", tuple(request.roles)),
    )


def _to_credit_changes(request: management_pb.UpdateKeyRequest, nulls: frozenset[str]) -> CreditChanges | Unset | None:
    if "credits" in nulls:
        return None
    message = request.credits
    if message is None and not {"credits.remaining", "credits.refill"} & nulls:
        return UNSET
    remaining: int | Unset | None = UNSET
    refill: Refill | Unset | None = UNSET
    if message is not None and message.has_field("remaining"):
        remaining = message.remaining
    if message is not None and message.refill is not None:
        refill = to_refill(message.refill)
    if "credits.remaining" in nulls:
        remaining = None
    if "credits.refill" in nulls:
        refill = None
    return CreditChanges(remaining, refill)


def to_credit_value(request: management_pb.UpdateCreditsRequest) -> int | Unset | None:
    """Read the value of a change of credits."""
    if "value" in _nulls(request.null_fields):
        return None
    return request.value if request.has_field("value") else UNSET


def to_grace_ms(request: issuing_pb.RerollKeyRequest) -> int | None:
    """Read how long the old key goes on; None leaves its end alone."""
    return None if "expiration" in _nulls(request.null_fields) else request.expiration


def to_migrate(request: issuing_pb.MigrateKeysRequest) -> MigrateKeysCommand:
    """Read a request to import keys."""
    return MigrateKeysCommand(request.migration_id, request.api_id, tuple(map(_to_migrated, request.keys)))


def _to_migrated(item: issuing_pb.MigrateKeysItem) -> MigrateKey:
    return MigrateKey(
        hash=item.hash,
        name=item.name or None,
        external_id=item.external_id or None,
        meta=None if item.meta is None else text_of(item.meta),
        roles=tuple(item.roles),
        permissions=tuple(item.permissions),
        expires_ms=item.expires if item.has_field("expires") else None,
        credits=None if item.credits is None else to_credits(item.credits),
        ratelimits=to_ratelimits(item.ratelimits),
        enabled=item.enabled if item.has_field("enabled") else True,
    )


def _nulls(mask: FieldMask | None) -> frozenset[str]:
    return frozenset(mask.paths) if mask is not None else frozenset()


def from_key(shown: ShownKey) -> key_pb.Key:
    """Return a key as its owner sees it. What is zero or empty is left out."""
    key, details = shown.key, shown.details
    message = key_pb.Key(
        key_id=key.id,
        start=key.start,
        enabled=key.enabled,
        name=key.name or "",
        created_at=details.created_at,
        permissions=details.permissions,
        roles=details.role_names or [],
        plaintext=shown.plaintext.reveal() if shown.plaintext else "",
        ratelimits=_limits(details.key_limits),
        meta=struct_of(key.meta),
        identity=_identity(details),
    )
    if details.updated_at:
        message.updated_at = details.updated_at
    if details.last_used_at:
        message.last_used_at = details.last_used_at
    if key.expires:
        message.expires = key.expires
    if key.remaining_requests is not None:
        message.credits = from_credits(CreditState(key.remaining_requests, key.refill_amount, key.refill_day))
    return message


def from_credits(state: CreditState) -> key_pb.KeyCredits:
    """Return credits; the refill is there whenever an amount is set, also for an unlimited key."""
    message = key_pb.KeyCredits()
    if state.remaining is not None:
        message.remaining = state.remaining
    if state.refill_amount is not None:
        monthly = bool(state.refill_day)
        interval = RefillInterval.MONTHLY if monthly else RefillInterval.DAILY
        message.refill = key_pb.KeyCreditsRefill(interval=interval.value, amount=state.refill_amount)
        if monthly and state.refill_day is not None:
            message.refill.refill_day = state.refill_day
    return message


def from_permissions(permissions: Iterable[Permission]) -> list[permission_pb.Permission]:
    """Return permissions."""
    return [
        permission_pb.Permission(id=p.id, name=p.name, slug=p.slug, description=p.description or "")
        for p in permissions
    ]


def from_roles(roles: Iterable[Role]) -> list[permission_pb.Role]:
    """Return roles with their permissions."""
    return [
        permission_pb.Role(
            id=role.id,
            name=role.name,
            description=role.description or "",
            permissions=from_permissions(role.permissions),
        )
        for role in roles
    ]


def from_migration(result: MigrationResult) -> issuing_pb.MigrateKeysResponse:
    """Return what became of an import."""
    migrated = [issuing_pb.MigratedKey(hash=key.hash, key_id=key.id) for key in result.migrated]
    return issuing_pb.MigrateKeysResponse(migrated=migrated, failed=result.failed)


def _identity(details: KeyDetails) -> Identity | None:
    if details.identity_id is None or details.external_id is None:
        return None
    return Identity(
        id=details.identity_id,
        external_id=details.external_id,
        meta=struct_of(details.identity_meta),
        ratelimits=_limits(details.identity_limits),
    )


def _limits(columns: Iterable[LimitColumns] | None) -> list[Ratelimit]:
    return [
        Ratelimit(id=id_, name=name, limit=limit, duration=duration_ms, auto_apply=bool(auto_apply))
        for id_, name, limit, duration_ms, auto_apply in columns or ()
    ]
