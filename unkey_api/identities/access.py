"""What a caller must be allowed to do with identities."""

from __future__ import annotations

from unkey_api.core.principal import Principal
from unkey_api.core.rbac import Requirement, any_of, require, tuple_, urn

# A grant must cover all identities: the required path itself has the wildcards.
EVERY_IDENTITY = "projects/*/identities/*"


def require_on_all(principal: Principal, action: str) -> None:
    """Raise InsufficientPermissions unless the caller may do `action` with every identity."""
    require(principal.permissions, any_of(tuple_("identity", "*", action), _on_every(principal, action)))


def require_read(principal: Principal, identity_id: str) -> None:
    """Raise InsufficientPermissions unless the caller may read this identity."""
    every, one = tuple_("identity", "*", "read_identity"), tuple_("identity", identity_id, "read_identity")
    require(principal.permissions, any_of(every, one, _on_every(principal, "read_identity")))


def require_read_in_list(principal: Principal, identity_id: str) -> None:
    """Do the same; a denial names the specific permission first."""
    every, one = tuple_("identity", "*", "read_identity"), tuple_("identity", identity_id, "read_identity")
    require(principal.permissions, any_of(one, every, _on_every(principal, "read_identity")))


def _on_every(principal: Principal, action: str) -> Requirement:
    return urn(principal.workspace_id, EVERY_IDENTITY, action)
