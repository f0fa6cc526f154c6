"""What a caller needs for an operation on identities.

A URN must cover all identities of all projects: the required path itself has the wildcards.
"""

from __future__ import annotations

from unkey_api.core.needs import IDENTITY, WORKSPACE, Need, Operations
from unkey_api.core.rbac import Requirement, any_of, tuple_, urn

EVERY_IDENTITY = "projects/*/identities/*"


def on_all(workspace_id: str, action: str) -> Requirement:
    """Return what an action on whichever identity needs."""
    return any_of(tuple_("identity", "*", action), urn(workspace_id, EVERY_IDENTITY, action))


def read(workspace_id: str, identity_id: str) -> Requirement:
    """Return what showing an identity needs."""
    every, one = tuple_("identity", "*", "read_identity"), tuple_("identity", identity_id, "read_identity")
    return any_of(every, one, urn(workspace_id, EVERY_IDENTITY, "read_identity"))


def read_in_list(workspace_id: str, identity_id: str) -> Requirement:
    """Return the same for an identity of a list; a denial names the specific permission first."""
    every, one = tuple_("identity", "*", "read_identity"), tuple_("identity", identity_id, "read_identity")
    return any_of(one, every, urn(workspace_id, EVERY_IDENTITY, "read_identity"))


OPERATIONS: Operations = {
    "identities.createIdentity": (Need(on_all(WORKSPACE, "create_identity")),),
    "identities.getIdentity": (Need(read(WORKSPACE, IDENTITY)),),
    "identities.listIdentities": (Need(read_in_list(WORKSPACE, IDENTITY), "for every identity of the page"),),
    "identities.updateIdentity": (Need(on_all(WORKSPACE, "update_identity")),),
    "identities.deleteIdentity": (Need(on_all(WORKSPACE, "delete_identity")),),
}
