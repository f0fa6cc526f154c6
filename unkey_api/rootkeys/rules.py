"""What may be given to a root key, and by whom."""

from __future__ import annotations

from collections.abc import Iterable

from unkey_api.core.principal import Principal
from unkey_api.core.rbac import Requirement, any_of, literal, require, urn
from unkey_api.core.urn import ANY_BELOW, ANY_SEGMENT, parse_urn_grant
from unkey_api.rootkeys.errors import OutlivesCaller, PermissionUnsupported

ALL = "*"
RESOURCES = frozenset(
    {
        ANY_SEGMENT,
        ANY_BELOW,
        "billing",
        "keyspaces",
        "limits",
        "portals",
        "projects",
        "ratelimits",
        "rbac",
        "rootKeys",
        "team",
        "usage",
    }
)
"""First segments of the paths that mean something. What follows them is left open: a grant for nothing grants nothing,
and operations that come later must be grantable."""


def on_root_key(workspace_id: str, key_id: str, action: str) -> Requirement:
    """Return what an action on one root key needs; `*` asks for all of them."""
    every = urn(workspace_id, f"rootKeys/{ALL}", action)
    return every if key_id == ALL else any_of(urn(workspace_id, f"rootKeys/{key_id}", action), every)


def require_supported(workspace_id: str, permissions: Iterable[str]) -> None:
    """Return when each is a well-formed URN of a known kind of resource of the workspace.

    Raises:
        PermissionUnsupported: The first that is not is named.
    """
    for permission in permissions:
        grant = parse_urn_grant(permission)
        if grant is None:
            raise PermissionUnsupported(permission, "it must look like `unkey:v1:<workspaceId>:<resource>#<action>`")
        if grant.workspace_id != workspace_id:
            raise PermissionUnsupported(permission, "it names another workspace")
        if grant.segments[0] not in RESOURCES:
            raise PermissionUnsupported(permission, f"there is no resource '{grant.segments[0]}'")


def require_held(principal: Principal, permissions: Iterable[str]) -> None:
    """Return when the caller holds each of the permissions itself: as it is, or covered by a wider one.

    Raises:
        InsufficientPermissions: The first that is lacking is named.
    """
    for permission in permissions:
        require(principal.permissions, _as_requirement(permission))


def require_outlived(principal: Principal, expires_ms: int | None, what: str) -> None:
    """Return when a key with this expiry ends no later than the caller. None never ends.

    Raises:
        OutlivesCaller: It would last longer.
    """
    if principal.expires_ms is not None and (expires_ms is None or expires_ms > principal.expires_ms):
        raise OutlivesCaller(what)


def _as_requirement(permission: str) -> Requirement:
    grant = parse_urn_grant(permission)
    if grant is None:
        return literal(permission)
    return urn(grant.workspace_id, "/".join(grant.segments), grant.action)
