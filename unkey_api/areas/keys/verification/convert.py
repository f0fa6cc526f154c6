"""Between protobuf and the types of this package. On the hot path: what is the same for every answer is made once."""

from __future__ import annotations

from typing import Any

from unkey_proto.unkey.identities.v2.identity_pb import Identity
from unkey_proto.unkey.keys.v2 import verification_pb as pb
from unkey_proto.unkey.ratelimit.v2.config_pb import Ratelimit

from unkey_api.areas.keys.verification.types import (
    KeyIdentity,
    LimitResult,
    RequestedLimit,
    Status,
    Verdict,
    VerifiableKey,
    Verification,
)
from unkey_api.rpc.messages import struct_of
from unkey_api.rpc.request_state import CachedResponse

_CODES = {status: status.value for status in Status} | {
    Status.WORKSPACE_NOT_FOUND: Status.NOT_FOUND.value,
    Status.WORKSPACE_DISABLED: Status.FORBIDDEN.value,
}
"""What the caller is told; the event keeps the status itself."""

_UNKNOWN = CachedResponse(pb.VerifyKeyResponse(valid=False, code=Status.NOT_FOUND.value))

DEFAULT_LIMIT_COST = 1


def to_verification(request: pb.VerifyKeyRequest) -> Verification:
    """Read a request to verify a key."""
    return Verification(
        request.key,
        tuple(request.tags) if request.tags else (),
        request.permissions or None,
        None if request.credits is None else request.credits.cost,
        tuple(map(_to_limit, request.ratelimits)) if request.ratelimits else (),
        # An empty id names no migration, so it need not be told from an absent one.
        request.migration_id or None,
        request.keyspaces,
    )


def _to_limit(limit: pb.VerifyKeyRatelimit) -> RequestedLimit:
    return RequestedLimit(
        limit.name,
        limit.cost if limit.has_field("cost") else DEFAULT_LIMIT_COST,
        limit.limit if limit.has_field("limit") else None,
        limit.duration if limit.has_field("duration") else None,
    )


def from_verdict(verdict: Verdict) -> CachedResponse[pb.VerifyKeyResponse]:
    """Return the answer."""
    key = verdict.key
    if key is None:
        return _UNKNOWN
    responses = key.cached_response
    if type(responses) is not _Responses:
        responses = key.cached_response = _Responses(key)
    return responses.answer(verdict)


class _Responses:
    """The answers about one key."""

    __slots__ = ("_facts", "_grants", "_plain")

    def __init__(self, key: VerifiableKey) -> None:
        # Any: keyword arguments of the message
        self._facts: dict[str, Any] = {"key_id": key.id, "enabled": key.enabled, "keyspace_id": key.keyspace_id}
        if key.name:
            self._facts["name"] = key.name
        if key.expires_ms:
            self._facts["expires"] = key.expires_ms
        if (meta := struct_of(key.meta)) is not None:
            self._facts["meta"] = meta
        self._grants: dict[str, Any] = {}  # Any: the same
        if key.permissions:
            self._grants["permissions"] = list(key.permissions)
        if key.roles:
            self._grants["roles"] = list(key.roles)
        if key.identity:
            self._grants["identity"] = _from_identity(key.identity)
        self._plain: dict[Status, CachedResponse[pb.VerifyKeyResponse]] = {}

    def answer(self, verdict: Verdict) -> CachedResponse[pb.VerifyKeyResponse]:
        """Return the answer to one verification; those without limits and credits are made once per status."""
        if verdict.credits is not None or verdict.ratelimits:
            return CachedResponse(self._make(verdict))
        answer = self._plain.get(verdict.status)
        if answer is None:
            answer = self._plain[verdict.status] = CachedResponse(self._make(verdict))
        return answer

    def _make(self, verdict: Verdict) -> pb.VerifyKeyResponse:
        status = verdict.status
        extras: dict[str, Any] = {} if status is Status.WORKSPACE_DISABLED else self._grants  # Any: the same
        answer = pb.VerifyKeyResponse(valid=status is Status.VALID, code=_CODES[status], **self._facts, **extras)
        if verdict.credits is not None:
            answer.credits = verdict.credits
        if verdict.ratelimits:
            answer.ratelimits = list(map(_from_result, verdict.ratelimits))
        return answer


def _from_identity(identity: KeyIdentity) -> Identity:
    return Identity(
        id=identity.id,
        external_id=identity.external_id,
        meta=struct_of(identity.meta),
        ratelimits=[
            Ratelimit(
                id=limit.id,
                name=limit.name,
                limit=limit.limit,
                duration=limit.duration_ms,
                auto_apply=limit.auto_apply,
            )
            for limit in identity.limits
        ],
    )


def _from_result(result: LimitResult) -> pb.VerifyKeyRatelimitResult:
    config = result.config
    return pb.VerifyKeyRatelimitResult(
        exceeded=result.exceeded,
        id=config.id,
        name=config.name,
        limit=config.limit,
        duration=config.duration_ms,
        reset=result.reset_ms,
        remaining=result.remaining,
        auto_apply=config.auto_apply,
    )
