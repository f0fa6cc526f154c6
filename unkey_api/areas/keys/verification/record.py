"""From a stored key to one that can be verified over and over, and the memory it takes.

The memory is worked out from what is in the key, because walking over its objects would cost more than loading it. The
figures were measured as growth of the process; a test measures them again.
"""

from __future__ import annotations

from collections.abc import Iterable

from unkey_api.areas.keys.requirements import on_key
from unkey_api.areas.keys.types import LimitColumns
from unkey_api.areas.keys.verification.queries import VerifiableKeyRow
from unkey_api.areas.keys.verification.types import KeyIdentity, LimitConfig, PlannedCheck, Status, VerifiableKey
from unkey_api.areas.ratelimit.engine.types import Check
from unkey_api.core.addresses import AddressList
from unkey_api.core.principal import Principal, SubjectType

ROOT_KEY_NAME = "root key"
"""Name of the subject when a root key has none of its own."""


def from_row(row: VerifiableKeyRow) -> VerifiableKey:
    """Work out everything a verification of this key needs."""
    permissions = (*(row.direct_permissions or ()), *(row.role_permissions or ()))
    slugs = frozenset(permissions)
    limits = {config.name: config for config in _configs(row.identity_limits, of_identity=True)}
    limits.update((config.name, config) for config in _configs(row.key_limits, of_identity=False))
    key = VerifiableKey(
        id=row.id,
        keyspace_id=row.key_auth_id,
        workspace_id=row.workspace_id,
        api_id=row.api_id,
        name=row.name or "",
        meta=row.meta,
        enabled=row.enabled,
        expires_ms=row.expires,
        remaining=row.remaining_requests,
        pending_migration_id=row.pending_migration_id,
        standing=_standing(row),
        permissions=permissions,
        slugs=slugs,
        roles=tuple(row.role_names or ()),
        identity=_identity(row, limits.values()),
        ip_whitelist=AddressList.parse(row.ip_whitelist),
        limits=limits,
        automatic=(),
        may_verify=on_key(row.workspace_id, row.api_id, row.key_auth_id, row.id, "verify_key"),
        principal=_principal(row, slugs),
        acts_for=row.for_workspace_id,
    )
    key.automatic = tuple(plan(key, config, cost=1) for config in limits.values() if config.auto_apply)
    return key


def plan(key: VerifiableKey, config: LimitConfig, *, cost: int) -> PlannedCheck:
    """Return the question to the limiter for one limit of a key."""
    check = Check(key.workspace_id, config.name, key.limited_by(config), config.limit, config.duration_ms, cost)
    return PlannedCheck(config, check)


def _standing(row: VerifiableKeyRow) -> Status:
    if row.workspace_deleted_at is not None or (row.for_workspace_id is not None and row.for_workspace_enabled is None):
        return Status.WORKSPACE_NOT_FOUND
    if not row.workspace_enabled or row.for_workspace_enabled is False:
        return Status.WORKSPACE_DISABLED
    if row.api_deleted_at is not None or row.keyspace_deleted_at is not None:
        return Status.NOT_FOUND
    return Status.VALID if row.enabled else Status.DISABLED


def _configs(columns: Iterable[LimitColumns] | None, *, of_identity: bool) -> list[LimitConfig]:
    return [
        LimitConfig(id_, name, limit, duration_ms, bool(auto_apply), of_identity)
        for id_, name, limit, duration_ms, auto_apply in columns or ()
    ]


def _identity(row: VerifiableKeyRow, limits: Iterable[LimitConfig]) -> KeyIdentity | None:
    if row.identity_id is None or row.external_id is None:
        return None
    shared = tuple(config for config in limits if config.of_identity)
    return KeyIdentity(row.identity_id, row.external_id, row.identity_meta, shared)


def _principal(row: VerifiableKeyRow, permissions: frozenset[str]) -> Principal | None:
    if row.for_workspace_id is None:
        return None
    return Principal(
        workspace_id=row.for_workspace_id,
        subject_id=row.id,
        subject_name=row.name or ROOT_KEY_NAME,
        subject_type=SubjectType.ROOT_KEY,
        permissions=permissions,
        expires_ms=row.expires,
    )


KEY_BYTES = 2_600  # ids, requirement, prepared answer of a key that has nothing else
IDENTITY_BYTES = 2_200
TEXT_BYTES = 90  # a permission or role apart from its letters: in a tuple, a set and an answer
LIMIT_BYTES = 900  # with the check that is planned for it
ADDRESS_BYTES = 500
JSON_VALUE_BYTES = 240  # a member or item once JSON has become a message
_BEFORE_A_VALUE = ",:[{"


def weight_of(key: VerifiableKey) -> int:
    """Return about how many bytes a key takes; never much less than it does, whatever its metadata is."""
    weight = KEY_BYTES + 3 * len(key.name) + _of_json(key.meta)
    weight += _of_texts(key.permissions) + _of_texts(key.roles) + LIMIT_BYTES * len(key.limits)
    if key.ip_whitelist is not None:
        weight += ADDRESS_BYTES * key.ip_whitelist.size
    if key.identity is not None:
        weight += IDENTITY_BYTES + 3 * len(key.identity.external_id) + _of_json(key.identity.meta)
    return weight


def _of_texts(texts: Iterable[str]) -> int:
    return sum(TEXT_BYTES + len(text) for text in texts)


def _of_json(text: str | None) -> int:
    """A list of small numbers takes a hundred times the memory of its text; letters of text are kept three times."""
    if text is None:
        return 0
    values = sum(map(text.count, _BEFORE_A_VALUE))
    return (3 if text.isascii() else 6) * len(text) + JSON_VALUE_BYTES * values
