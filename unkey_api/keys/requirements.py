"""What a caller needs for an operation on keys. Every requirement has a tuple form and a URN form."""

from __future__ import annotations

from unkey_api.core.rbac import Requirement, all_of, any_of, tuple_, urn


def on_key(workspace_id: str, api_id: str, keyspace_id: str, key_id: str, action: str) -> Requirement:
    """Return what an action on one key needs."""
    return any_of(
        tuple_("api", "*", action),
        tuple_("api", api_id, action),
        urn(workspace_id, f"keyspaces/{keyspace_id}/keys/{key_id}", action),
    )


def create_in(workspace_id: str, api_id: str, keyspace_id: str | None) -> Requirement:
    """Return what creating a key of an API needs. An API without keyspace has no URN form."""
    tuples = tuple_("api", api_id, "create_key"), tuple_("api", "*", "create_key")
    if keyspace_id is None:
        return any_of(*tuples)
    return any_of(*tuples, urn(workspace_id, f"keyspaces/{keyspace_id}", "create_key"))


def encrypt_in(workspace_id: str, api_id: str, keyspace_id: str) -> Requirement:
    """Return what storing a key recoverably needs. The key has no id yet, so its URN asks for all keys."""
    return any_of(
        tuple_("api", "*", "encrypt_key"),
        tuple_("api", api_id, "encrypt_key"),
        urn(workspace_id, f"keyspaces/{keyspace_id}/keys/*", "encrypt_key"),
    )


def change_grants(workspace_id: str, api_id: str, keyspace_id: str, key_id: str, *rbac_actions: str) -> Requirement:
    """Return what changing the permissions or roles of a key needs: in tuple form, each of the actions as well."""
    return any_of(
        urn(workspace_id, f"keyspaces/{keyspace_id}/keys/{key_id}", "update_key"),
        all_of(
            any_of(tuple_("api", "*", "update_key"), tuple_("api", api_id, "update_key")),
            *(tuple_("rbac", "*", action) for action in rbac_actions),
        ),
    )


def create_permissions(workspace_id: str) -> Requirement:
    """Return what creating permissions of a workspace needs."""
    return any_of(
        urn(workspace_id, "rbac/permissions/*", "create_permission"), tuple_("rbac", "*", "create_permission")
    )
