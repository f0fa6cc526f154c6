"""What a caller needs for an operation on rate limits."""

from __future__ import annotations

from collections.abc import Iterable

from unkey_api.core.needs import ANY, NAMESPACE, OVERRIDE, WORKSPACE, Need, Operations
from unkey_api.core.rbac import Requirement, all_of, any_of, or_else, tuple_, urn

ANY_LIMIT = "ratelimit.*.limit"
"""The tuple that allows counting everywhere."""


def limit_tuple(namespace_id: str) -> str:
    """Return the tuple that allows counting in one namespace."""
    return f"ratelimit.{namespace_id}.limit"


def limit(workspace_id: str, namespace_id: str) -> Requirement:
    """Return what counting in a namespace needs."""
    stated = any_of(tuple_("ratelimit", namespace_id, "limit"), tuple_("ratelimit", ANY, "limit"))
    return or_else(stated, _on_namespace(workspace_id, namespace_id, "limit"))


def limit_all(workspace_id: str, namespace_ids: Iterable[str]) -> Requirement:
    """Return what counting in several namespaces at once needs: all of them."""
    ids = list(namespace_ids)
    each = all_of(*(tuple_("ratelimit", namespace_id, "limit") for namespace_id in ids))
    return or_else(
        any_of(tuple_("ratelimit", ANY, "limit"), each),
        all_of(*(limit(workspace_id, namespace_id) for namespace_id in dict.fromkeys(ids))),
    )


def create_namespace(workspace_id: str) -> Requirement:
    """Return what counting in a namespace that does not exist yet needs in addition."""
    action = "create_namespace"
    return or_else(tuple_("ratelimit", ANY, action), _on_namespace(workspace_id, ANY, action))


def set_override(workspace_id: str, namespace_id: str) -> Requirement:
    """Return what setting an override in a namespace needs."""
    return or_else(
        _tuples(namespace_id, "set_override"),
        _on_namespace(workspace_id, namespace_id, "set_override"),
    )


def read_override(workspace_id: str, namespace_id: str, override_id: str) -> Requirement:
    """Return what showing one override needs."""
    action = "read_override"
    return any_of(
        _on_override(workspace_id, namespace_id, override_id, action),
        tuple_("ratelimit", namespace_id, action),
        tuple_("ratelimit", ANY, action),
    )


def list_overrides(workspace_id: str, namespace_id: str) -> Requirement:
    """Return what listing the overrides of a namespace needs."""
    action = "read_override"
    return or_else(_tuples(namespace_id, action), _on_override(workspace_id, namespace_id, ANY, action))


def delete_override(workspace_id: str, namespace_id: str, override_id: str = ANY) -> Requirement:
    """Return what deleting an override needs; without its id, deleting whichever of the namespace."""
    action = "delete_override"
    return or_else(_tuples(namespace_id, action), _on_override(workspace_id, namespace_id, override_id, action))


def _tuples(namespace_id: str, action: str) -> Requirement:
    return any_of(tuple_("ratelimit", namespace_id, action), tuple_("ratelimit", ANY, action))


def _on_namespace(workspace_id: str, namespace_id: str, action: str) -> Requirement:
    return urn(workspace_id, f"ratelimits/namespaces/{namespace_id}", action)


def _on_override(workspace_id: str, namespace_id: str, override_id: str, action: str) -> Requirement:
    return urn(workspace_id, f"ratelimits/namespaces/{namespace_id}/overrides/{override_id}", action)


_NEW = Need(create_namespace(WORKSPACE), "when a namespace does not exist yet")

OPERATIONS: Operations = {
    "ratelimit.limit": (Need(limit(WORKSPACE, NAMESPACE)), _NEW),
    "ratelimit.multiLimit": (Need(limit_all(WORKSPACE, [NAMESPACE]), "for every namespace"), _NEW),
    "ratelimit.setOverride": (Need(set_override(WORKSPACE, NAMESPACE)),),
    "ratelimit.getOverride": (Need(read_override(WORKSPACE, NAMESPACE, OVERRIDE)),),
    "ratelimit.listOverrides": (Need(list_overrides(WORKSPACE, NAMESPACE)),),
    "ratelimit.deleteOverride": (Need(delete_override(WORKSPACE, NAMESPACE, OVERRIDE)),),
}
