"""The vocabulary of verification, what it needs of others, and what can go wrong apart from the key being refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from unkey_api.areas.keys.credits.types import CreditDecision
from unkey_api.areas.ratelimit.engine.types import BatchDecision, Check, Decision
from unkey_api.core.addresses import AddressList
from unkey_api.core.errors import AppError, ErrorCode, InvalidInput, ServiceUnavailable, Unexpected, Violation
from unkey_api.core.ids import ApiId, ExternalId, IdentityId, KeyId, KeyspaceId, MigrationId, WorkspaceId
from unkey_api.core.principal import Principal
from unkey_api.core.rbac import Requirement


class Status(StrEnum):
    """What became of a key. The values are stored with every verification."""

    VALID = "VALID"
    NOT_FOUND = "NOT_FOUND"
    WORKSPACE_NOT_FOUND = "WORKSPACE_NOT_FOUND"
    """Its workspace, or the one it acts for as a root key, does not exist or is deleted."""
    WORKSPACE_DISABLED = "WORKSPACE_DISABLED"
    DISABLED = "DISABLED"
    EXPIRED = "EXPIRED"
    FORBIDDEN = "FORBIDDEN"
    """Presented from an address that is not on the API's list."""
    INSUFFICIENT_PERMISSIONS = "INSUFFICIENT_PERMISSIONS"
    RATE_LIMITED = "RATE_LIMITED"
    USAGE_EXCEEDED = "USAGE_EXCEEDED"


class LimitConfig(NamedTuple):
    """A rate limit of a key or of its identity, or one made up for a single verification."""

    id: str
    """Empty for one that is not stored."""
    name: str
    limit: int
    duration_ms: int
    auto_apply: bool
    of_identity: bool
    """Shared by all keys of the identity."""


class PlannedCheck(NamedTuple):
    """A limit to count against, ready for the limiter."""

    config: LimitConfig
    check: Check


@dataclass(frozen=True, slots=True)
class KeyIdentity:
    """Whom a key belongs to."""

    id: IdentityId
    external_id: ExternalId
    meta: str | None
    """JSON text."""
    limits: tuple[LimitConfig, ...]
    """Those that no limit of the key hides."""


@dataclass(slots=True, eq=False)
class VerifiableKey:
    """A key as verification and authentication need it, worked out once per load and shared by all requests.

    Nothing in it changes, except `presentation`, which the edge fills the first time it answers with this key.
    """

    id: KeyId
    keyspace_id: KeyspaceId
    workspace_id: WorkspaceId
    api_id: ApiId
    name: str
    """Empty when it has none."""
    meta: str | None
    """JSON text."""
    enabled: bool
    expires_ms: int | None
    remaining: int | None
    """Credits at load time; None when use is not limited."""
    pending_migration_id: MigrationId | None
    standing: Status
    """The status apart from expiry: `VALID`, or why not."""
    permissions: tuple[str, ...]
    """Slugs, direct ones first; may repeat."""
    slugs: frozenset[str]
    roles: tuple[str, ...]
    identity: KeyIdentity | None
    ip_whitelist: AddressList | None
    """Addresses and ranges that may present the key; None allows all."""
    limits: Mapping[str, LimitConfig]
    """By name; one of the key hides one of the identity."""
    automatic: tuple[PlannedCheck, ...]
    """The limits that apply without being asked for, at a cost of 1."""
    may_verify: Requirement
    """What a caller needs to verify this key."""
    principal: Principal | None
    """Who a request with this key as root key acts as; None for an ordinary key."""
    acts_for: WorkspaceId | None = None
    """The workspace a root key acts for, whatever became of it; None for an ordinary key."""
    presentation: object = field(default=None, repr=False)
    """What the edge derived from the key for its answers."""

    def status_at(self, now_ms: int) -> Status:
        """Return the status before addresses, permissions, limits and credits are looked at."""
        if self.standing is Status.VALID and self.expires_ms is not None and self.expires_ms < now_ms:
            return Status.EXPIRED
        return self.standing

    def limited_by(self, config: LimitConfig) -> str:
        """Return the identifier under which a limit is counted."""
        return self.identity.id if config.of_identity and self.identity else self.id


class RequestedLimit(NamedTuple):
    """A limit a verification names."""

    name: str
    cost: int
    limit: int | None
    """With `duration_ms`, a limit for this verification only; alone it means nothing."""
    duration_ms: int | None


class Verification(NamedTuple):
    """A request to verify a key."""

    key: str
    """The secret."""
    tags: Sequence[str] = ()
    permissions: str | None = None
    """A permission query."""
    cost: int | None = None
    """Credits to spend; None for one."""
    ratelimits: Sequence[RequestedLimit] = ()
    migration_id: str | None = None
    keyspaces: Sequence[str] = ()
    """The only keyspaces the key may belong to; empty allows all."""


class LimitResult(NamedTuple):
    """How one limit stands after the verification."""

    config: LimitConfig
    exceeded: bool
    remaining: int
    reset_ms: int
    """Unix milliseconds."""


class Verdict(NamedTuple):
    """The answer to a verification."""

    status: Status
    key: VerifiableKey | None
    """None when the caller is told nothing but that there is no such key."""
    credits: int | None = None
    """Credits left; None when use is not limited."""
    ratelimits: tuple[LimitResult, ...] = ()
    spent: int = 0
    """Credits taken."""


UNKNOWN_KEY = Verdict(Status.NOT_FOUND, None)
"""What a caller learns about a key that does not exist or that it may not verify."""


class Limiter(Protocol):
    """Counts spends against windows."""

    def try_limit_now(self, check: Check) -> Decision | None:
        """Decide without awaiting, or return None."""
        ...

    async def limit(self, check: Check) -> Decision:
        """Decide one check. Raises an `AppError` when it cannot."""
        ...

    async def limit_many(self, checks: Sequence[Check]) -> BatchDecision:
        """Decide several together: all are counted or none. Raises as `limit` does."""
        ...


class Credits(Protocol):
    """Takes credits off keys."""

    async def spend(self, key_id: str, cost: int) -> CreditDecision:
        """Take `cost` (at least 0) if so much is left. Raises an `AppError` when that cannot be found out."""
        ...


class KeyNotLoaded(ServiceUnavailable):
    """The key could not be looked up. It says nothing about the key."""

    def __init__(self, internal: str) -> None:
        super().__init__("We could not load the requested key.", internal=internal)


class MigrationNotLoaded(ServiceUnavailable):
    """The migration could not be looked up."""

    def __init__(self, internal: str) -> None:
        super().__init__("We could not load the requested migration.", internal=internal)


class MigrationNotFinished(Unexpected):
    """The key was found in its old form, but could not be rewritten."""

    def __init__(self, internal: str) -> None:
        super().__init__("The hash and migration id of the key could not be updated.", internal=internal)


class MalformedKey(AppError):
    """The key does not have the form its migration expects."""

    code = ErrorCode.AUTHENTICATION_MALFORMED
    sentence = "Invalid key format"


class UnknownLimit(AppError):
    """A limit was named that neither the key nor its identity has."""

    code = ErrorCode.APPLICATION_PRECONDITION_FAILED

    def __init__(self, name: str, key_id: str, identity: tuple[str, str] | None) -> None:
        """Name the limit, the key, and the identity as id and external id."""
        start = f"ratelimit '{name}' was requested but does not exist for key '{key_id}'"
        if identity is None:
            super().__init__(f"{start} and there is no identity connected.")
        else:
            super().__init__(f"{start} nor identity: '{identity[0]}' external ID: '{identity[1]}'")


class DurationTooShort(InvalidInput):
    """A limit made up for the request has a window no limiter keeps."""

    def __init__(self, index: int, minimum_ms: int) -> None:
        super().__init__(
            f"`ratelimits[{index}].duration` must be at least {minimum_ms} milliseconds.",
            violations=(
                Violation(
                    location=f"/properties/ratelimits/items/{index}/properties/duration/minimum",
                    message=f"minimum: must be at least {minimum_ms}",
                ),
            ),
        )
