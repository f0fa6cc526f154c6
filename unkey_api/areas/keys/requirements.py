"""What a caller needs for an operation on keys."""

from __future__ import annotations

from unkey_api.areas.permissions.requirements import create_missing_permissions
from unkey_api.core.needs import ANY, API, KEY, KEYSPACE, WORKSPACE, Need, Operations
from unkey_api.core.rbac import Requirement, all_of, any_of, or_else, tuple_, urn


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


def import_into(workspace_id: str, api_id: str, keyspace_id: str = ANY) -> Requirement:
    """Return what importing keys into an API needs; without its keyspace, into whichever."""
    stated = any_of(tuple_("api", api_id, "create_key"), tuple_("api", "*", "create_key"))
    return or_else(stated, urn(workspace_id, f"keyspaces/{keyspace_id}", "create_key"))


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


def _on_key(action: str) -> Need:
    return Need(on_key(WORKSPACE, API, KEYSPACE, KEY, action))


def _change_grants(*rbac_actions: str) -> Need:
    return Need(change_grants(WORKSPACE, API, KEYSPACE, KEY, *rbac_actions))


_CREATE = Need(create_in(WORKSPACE, API, KEYSPACE))
_ENCRYPT = encrypt_in(WORKSPACE, API, KEYSPACE)
_MISSING = Need(create_missing_permissions(WORKSPACE), "when a permission is named that does not exist yet")

OPERATIONS: Operations = {
    "keys.createKey": (_CREATE, Need(_ENCRYPT, "when `recoverable` is true")),
    "keys.migrateKeys": (Need(import_into(WORKSPACE, API, KEYSPACE)),),
    "keys.rerollKey": (_CREATE, Need(_ENCRYPT, "when the key is recoverable")),
    "keys.verifyKey": (_on_key("verify_key"),),
    "keys.whoami": (_on_key("read_key"),),
    "keys.getKey": (
        _on_key("read_key"),
        Need(on_key(WORKSPACE, API, KEYSPACE, KEY, "decrypt_key"), "when `decrypt` is true"),
    ),
    "keys.updateKey": (_on_key("update_key"),),
    "keys.updateCredits": (_on_key("update_key"),),
    "keys.deleteKey": (_on_key("delete_key"),),
    "keys.addPermissions": (_change_grants("add_permission_to_key"), _MISSING),
    "keys.removePermissions": (_change_grants("remove_permission_from_key"),),
    "keys.setPermissions": (_change_grants("add_permission_to_key", "remove_permission_from_key"), _MISSING),
    "keys.addRoles": (_change_grants("add_role_to_key"),),
    "keys.removeRoles": (_on_key("update_key"),),
    "keys.setRoles": (_on_key("update_key"),),
}
