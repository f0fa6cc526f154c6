"""What a caller needs for an operation on root keys. There are no tuples for them."""

from __future__ import annotations

from unkey_api.core.needs import ANY, KEY, WORKSPACE, Need, Operations
from unkey_api.core.rbac import Requirement, any_of, urn


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
