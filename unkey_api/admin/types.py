"""What operators see and say, and what can go wrong for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unkey_api.areas.rootkeys.types import IssuedRootKey
from unkey_api.core.columns import UnixMs
from unkey_api.core.errors import AppError, ErrorCode, InvalidInput
from unkey_api.core.permission_vocabulary import TUPLE_ACTIONS


def all_permissions(workspace_id: str) -> tuple[str, ...]:
    """Return a set of permissions that allows everything in a workspace."""
    tuples = [f"{kind}.*.{action}" for kind, actions in TUPLE_ACTIONS.items() for action in sorted(actions)]
    return (*tuples, f"unkey:v1:{workspace_id}:**#*")


@dataclass(frozen=True, slots=True)
class WorkspaceLine:
    """A workspace in a listing."""

    id: str
    name: str
    slug: str
    enabled: bool
    created_at_m: UnixMs


@dataclass(frozen=True, slots=True)
class RootKeyLine:
    """A root key in a listing; the secret is not known."""

    id: str
    start: str
    """Prefix and first characters of the secret."""
    name: str | None
    for_workspace_id: str
    enabled: bool
    expires: UnixMs | None
    last_used_at: UnixMs
    """0 when never."""
    created_at_m: UnixMs


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeyChange:
    """What to change about a root key; what is not named stays."""

    name: str | None = None
    enabled: bool | None = None
    permissions: tuple[str, ...] | None = None
    """All it shall have."""
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    set_expires: bool = False
    expires_ms: int | None = None
    """Counts when `set_expires`: Unix milliseconds, in the future; None for never."""


@dataclass(frozen=True, slots=True)
class RotatedRootKey:
    """A root key and the one that replaces it."""

    old: RootKeyLine
    old_ends: UnixMs | None
    new: IssuedRootKey


@dataclass(frozen=True, slots=True)
class WorkspaceRow:
    """A workspace as changing it needs it."""

    id: str
    name: str
    slug: str
    org_id: str
    enabled: bool
    delete_protection: bool | None
    created_at_m: UnixMs


@dataclass(frozen=True, slots=True)
class WorkspaceDetails(WorkspaceRow):
    """A workspace and how much is in it; deleted things are not counted."""

    apis: int
    key_count: int
    """Keys of its APIs."""
    root_keys: int
    """Root keys that act for it."""
    identities: int


@dataclass(frozen=True, slots=True)
class LimitsRow:
    """What a workspace is limited to; the columns of the table `limits`."""

    workspace_id: str
    api_billable_operations_count_max_per_month: int
    api_requests_count_max_per_minute: int | None
    """None means no limit, 0 that nothing is let through."""
    logs_retention_days_max: int
    logs_audit_retention_days_max: int
    team_enabled: bool
    cpu_cores_max: int
    cpu_cores_max_per_instance: int
    memory_mib_max: int
    memory_mib_max_per_instance: int
    storage_mib_max: int
    storage_mib_max_per_instance: int
    builds_concurrent_max: int
    custom_domains_max: int
    autoscaling_replicas_max: int


_SMALLINT, _INT, _BIGINT = 2**16 - 1, 2**32 - 1, 2**63 - 1

LIMITS: Mapping[str, tuple[str, int]] = {
    "operations-per-month": ("api_billable_operations_count_max_per_month", _BIGINT),
    "requests-per-minute": ("api_requests_count_max_per_minute", _INT),
    "log-retention-days": ("logs_retention_days_max", _SMALLINT),
    "audit-retention-days": ("logs_audit_retention_days_max", _SMALLINT),
    "team": ("team_enabled", 1),
    "cpu-cores": ("cpu_cores_max", _INT),
    "cpu-cores-per-instance": ("cpu_cores_max_per_instance", _INT),
    "memory-mib": ("memory_mib_max", _INT),
    "memory-mib-per-instance": ("memory_mib_max_per_instance", _INT),
    "storage-mib": ("storage_mib_max", _INT),
    "storage-mib-per-instance": ("storage_mib_max_per_instance", _INT),
    "concurrent-builds": ("builds_concurrent_max", _SMALLINT),
    "custom-domains": ("custom_domains_max", _INT),
    "autoscaling-replicas": ("autoscaling_replicas_max", _SMALLINT),
}
"""Column and largest value by the name an operator types. Only `requests-per-minute` may be `none`."""


def unlimited(workspace_id: str) -> LimitsRow:
    """Return the limits of a workspace that has none: as much as the columns hold, logs for the usual time."""
    return LimitsRow(
        workspace_id=workspace_id,
        api_billable_operations_count_max_per_month=_BIGINT,
        api_requests_count_max_per_minute=None,
        logs_retention_days_max=30,
        logs_audit_retention_days_max=90,
        team_enabled=True,
        cpu_cores_max=_INT,
        cpu_cores_max_per_instance=_INT,
        memory_mib_max=_INT,
        memory_mib_max_per_instance=_INT,
        storage_mib_max=_INT,
        storage_mib_max_per_instance=_INT,
        builds_concurrent_max=_SMALLINT,
        custom_domains_max=_INT,
        autoscaling_replicas_max=_SMALLINT,
    )


_SHOWN = 200  # characters of what was typed
_CANDIDATES = 10


class WorkspaceUnknown(AppError):
    """No live workspace has this id."""

    code = ErrorCode.DATA_WORKSPACE_NOT_FOUND

    def __init__(self, workspace_id: str) -> None:
        super().__init__(f"there is no workspace '{workspace_id}'; `workspace list` shows them")


class WorkspaceTaken(AppError):
    """Another workspace has this slug or organisation."""

    code = ErrorCode.APPLICATION_INVALID_INPUT


class WorkspaceHoldsRootKeys(AppError):
    """A key for this workspace would act where the root keys of all workspaces are."""

    code = ErrorCode.APPLICATION_PROTECTED_RESOURCE

    def __init__(self, workspace_id: str) -> None:
        super().__init__(f"root keys live in workspace '{workspace_id}'; say --over-root-keys if one is to act for it")


class WorkspaceProtected(AppError):
    """The workspace may not be deleted or switched off."""

    code = ErrorCode.APPLICATION_PROTECTED_RESOURCE


class RootKeyUnknown(AppError):
    """No live root key has this id or this start; ordinary keys do not count."""

    code = ErrorCode.DATA_KEY_NOT_FOUND

    def __init__(self, word: str) -> None:
        super().__init__(f"there is no root key '{word[:_SHOWN]}'; `root-key list` shows their ids and starts")


class RootKeyAmbiguous(AppError):
    """Several live root keys begin like this."""

    code = ErrorCode.APPLICATION_INVALID_INPUT

    def __init__(self, start: str, candidates: Sequence[RootKeyLine]) -> None:
        shown = [f"{key.id} ('{key.name or ''}', for {key.for_workspace_id})" for key in candidates[:_CANDIDATES]]
        more = f", and {len(candidates) - _CANDIDATES} more" if len(candidates) > _CANDIDATES else ""
        super().__init__(f"several root keys begin with '{start}'; give the id of one: {', '.join(shown)}{more}")


class PermissionNotHeld(InvalidInput):
    """A permission is to be taken away that the root key does not have."""

    def __init__(self, permission: str, key_id: str) -> None:
        super().__init__(f"The root key {key_id} does not have the permission '{permission[:_SHOWN]}'.")
