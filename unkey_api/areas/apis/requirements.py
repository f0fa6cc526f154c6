"""What a caller needs for an operation on APIs. In URNs an API is its keyspace: it has exactly one."""

from __future__ import annotations

from unkey_api.core.needs import ANY, API, KEYSPACE, WORKSPACE, Need, Operations
from unkey_api.core.rbac import Requirement, all_of, any_of, or_else, tuple_, urn


def create(workspace_id: str) -> Requirement:
    """Return what creating an API needs."""
    return or_else(tuple_("api", "*", "create_api"), urn(workspace_id, f"keyspaces/{ANY}", "create_keyspace"))


def read(workspace_id: str, api_id: str, keyspace_id: str = ANY) -> Requirement:
    """Return what showing an API needs; without its keyspace, what showing whichever needs."""
    return _on_api(workspace_id, api_id, keyspace_id, "read")


def update(workspace_id: str, api_id: str, keyspace_id: str = ANY) -> Requirement:
    """Return what changing an API needs; without its keyspace, what changing whichever needs."""
    return _on_api(workspace_id, api_id, keyspace_id, "update")


def delete(workspace_id: str, api_id: str, keyspace_id: str = ANY) -> Requirement:
    """Return what deleting an API needs; without its keyspace, what deleting whichever needs."""
    return _on_api(workspace_id, api_id, keyspace_id, "delete")


def list_keys(workspace_id: str, api_id: str, keyspace_id: str) -> Requirement:
    """Return what listing the keys of an API needs: reading all of its keys, and the API."""
    keyspace = f"keyspaces/{keyspace_id}"
    return any_of(
        all_of(
            urn(workspace_id, f"{keyspace}/keys/{ANY}", "read_key"),
            urn(workspace_id, keyspace, "read_keyspace"),
        ),
        all_of(
            any_of(tuple_("api", "*", "read_key"), tuple_("api", api_id, "read_key")),
            any_of(tuple_("api", "*", "read_api"), tuple_("api", api_id, "read_api")),
        ),
    )


def decrypt_keys(workspace_id: str, api_id: str, keyspace_id: str) -> Requirement:
    """Return what showing the secrets of all keys of an API needs."""
    return any_of(
        tuple_("api", "*", "decrypt_key"),
        tuple_("api", api_id, "decrypt_key"),
        urn(workspace_id, f"keyspaces/{keyspace_id}/keys/{ANY}", "decrypt_key"),
    )


def _on_api(workspace_id: str, api_id: str, keyspace_id: str, verb: str) -> Requirement:
    return or_else(
        any_of(tuple_("api", "*", f"{verb}_api"), tuple_("api", api_id, f"{verb}_api")),
        urn(workspace_id, f"keyspaces/{keyspace_id}", f"{verb}_keyspace"),
    )


OPERATIONS: Operations = {
    "apis.createApi": (Need(create(WORKSPACE)),),
    "apis.getApi": (Need(read(WORKSPACE, API, KEYSPACE)),),
    "apis.updateApi": (Need(update(WORKSPACE, API, KEYSPACE)),),
    "apis.deleteApi": (Need(delete(WORKSPACE, API, KEYSPACE)),),
    "apis.listKeys": (
        Need(list_keys(WORKSPACE, API, KEYSPACE)),
        Need(decrypt_keys(WORKSPACE, API, KEYSPACE), "when `decrypt` is true"),
    ),
}
