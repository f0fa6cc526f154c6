"""What a caller needs for an operation on root keys, for which there are no tuples, and what may be given to one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from unkey_api.areas.rootkeys.types import ExpiryInThePast, OutlivesCaller, PermissionUnsupported
from unkey_api.core.needs import ANY, KEY, WORKSPACE, Need, Operations
from unkey_api.core.permission_vocabulary import mistake_in, mistake_in_urn
from unkey_api.core.principal import Principal
from unkey_api.core.rbac import Requirement, any_of, literal, require, urn
from unkey_api.core.urn import parse_urn_grant


def on_root_key(workspace_id: str, key_id: str, action: str) -> Requirement:
    """Return what an action on one root key needs; `*` asks for all of them."""
    every = urn(workspace_id, f"rootKeys/{ANY}", action)
    return every if key_id == ANY else any_of(urn(workspace_id, f"rootKeys/{key_id}", action), every)


def _needs(action: str, when: str = "") -> Need:
    return Need(on_root_key(WORKSPACE, KEY, action), when)


OPERATIONS: Operations = {
    "rootKeys.createKey": (Need(on_root_key(WORKSPACE, ANY, "write")),),
    "rootKeys.listKeys": (_needs("read", "for every key: others are left out"),),
    "rootKeys.updateKey": (
        _needs("write"),
        _needs("delete", "to switch the key off or to take permissions from it"),
    ),
    "rootKeys.rerollKey": (_needs("write"), _needs("delete", "unless `expiration` is null")),
    "rootKeys.deleteKey": (_needs("delete"),),
}


def require_supported(workspace_id: str, permissions: Iterable[str]) -> None:
    """Return when each is a URN of a known resource of the workspace with an action that resource has.

    Raises:
        PermissionUnsupported: The first that is not is named, with the nearest one that is.
    """
    _require_right(permissions, lambda permission: mistake_in_urn(permission, workspace_id))


def require_known(workspace_id: str, permissions: Iterable[str]) -> None:
    """Return when each means something, as a tuple or as a URN of the workspace: what an operator may give.

    Raises:
        PermissionUnsupported: The first that does not is named, with the nearest one that does.
    """
    _require_right(permissions, lambda permission: mistake_in(permission, workspace_id))


def _require_right(permissions: Iterable[str], mistake_in_one: Callable[[str], str | None]) -> None:
    for permission in permissions:
        mistake = mistake_in_one(permission)
        if mistake is not None:
            raise PermissionUnsupported(permission, mistake)


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


def require_ahead(expires_ms: int | None, now_ms: int) -> None:
    """Return when this expiry is still to come. None never does and is fine.

    Raises:
        ExpiryInThePast: The key would have expired.
    """
    if expires_ms is not None and expires_ms <= now_ms:
        raise ExpiryInThePast


def _as_requirement(permission: str) -> Requirement:
    grant = parse_urn_grant(permission)
    if grant is None:
        return literal(permission)
    return urn(grant.workspace_id, "/".join(grant.segments), grant.action)
