"""Words of the operator's commands."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.core.columns import UnixMs

TUPLE_ACTIONS = {
    "api": (
        "read_api create_api delete_api update_api create_key update_key delete_key encrypt_key decrypt_key read_key "
        "verify_key read_analytics"
    ),
    "ratelimit": (
        "limit create_namespace read_namespace update_namespace delete_namespace set_override read_override "
        "delete_override list_overrides read_analytics"
    ),
    "rbac": (
        "create_permission update_permission delete_permission read_permission create_role update_role delete_role "
        "read_role add_permission_to_key remove_permission_from_key add_role_to_key remove_role_from_key "
        "add_permission_to_role remove_permission_from_role"
    ),
    "identity": "create_identity read_identity update_identity delete_identity",
    "project": (
        "create_project read_project update_project delete_project create_app create_deployment read_deployment "
        "generate_upload_url read_gateway_requests read_runtime_logs read_analytics"
    ),
    "app": "read_app update_app delete_app connect_repository",
    "environment": (
        "read_environment update_environment set_environment_variables remove_environment_variables "
        "read_environment_variables set_policies update_policy read_policies create_domain read_domain delete_domain "
        "verify_domain create_deployment read_deployment stop_deployment start_deployment promote_deployment "
        "rollback_deployment"
    ),
    "portal": "create_portal read_portal update_portal delete_portal create_portal_session",
    "workspace": "install_github",
}
"""Actions of the tuple permissions that operations of this service ask for."""


def all_permissions(workspace_id: str) -> tuple[str, ...]:
    """Return a set of permissions that allows everything in a workspace."""
    tuples = [f"{kind}.*.{action}" for kind, actions in TUPLE_ACTIONS.items() for action in actions.split()]
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
    name: str | None
    for_workspace_id: str
    enabled: bool
    created_at_m: UnixMs
