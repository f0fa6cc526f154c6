"""Between protobuf and the types of this package."""

from __future__ import annotations

from collections.abc import Iterable

from unkey_proto.unkey.keys.v2 import issuing_pb, key_pb
from unkey_proto.unkey.ratelimit.v2.config_pb import RatelimitConfig

from unkey_api.keys.metadata import text_of
from unkey_api.keys.service.create import CreatedKey
from unkey_api.keys.types import CreateKeyCommand, CreditSettings, RatelimitSetting, Refill, RefillInterval


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


def from_created(key: CreatedKey) -> issuing_pb.CreateKeyResponse:
    """Return the answer that shows the secret."""
    return issuing_pb.CreateKeyResponse(key_id=key.id, key=key.secret.reveal())


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


def to_ratelimits(messages: Iterable[RatelimitConfig]) -> tuple[RatelimitSetting, ...]:
    """Read limits to attach to a key."""
    return tuple(
        RatelimitSetting(message.name, message.limit, message.duration, message.auto_apply) for message in messages
    )
