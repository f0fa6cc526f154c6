"""What a caller needs for an operation on rate limits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from unkey_api.core.needs import ANY, NAMESPACE, OVERRIDE, PROJECT, WORKSPACE, Need, Operations
from unkey_api.core.rbac import Requirement, all_of, any_of, is_allowed, or_else, reach, tuple_, urn

ANY_LIMIT = "ratelimit.*.limit"
"""The tuple that allows counting everywhere."""
_READ_ONE = re.compile(r"ratelimit\.([^*.]+)\.read_namespace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Namespaces, by what is known of them without looking."""

    all: bool = False
    ids: AbstractSet[str] = frozenset()
    project_ids: AbstractSet[str] = frozenset()
    """All of these projects."""
    pairs: AbstractSet[tuple[str, str]] = frozenset()
    """Each by its project and its id; none if it is in another project."""

    def __bool__(self) -> bool:
        """Say whether there may be any."""
        return bool(self.all or self.ids or self.project_ids or self.pairs)


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


def read_namespace(workspace_id: str, namespace_id: str = ANY, project_id: str = ANY) -> Requirement:
    """Return what showing a namespace needs; without ids, showing whichever."""
    return any_of(
        urn(workspace_id, f"projects/{project_id}/ratelimits/namespaces/{namespace_id}", "read"),
        *(tuple_("ratelimit", each, "read_namespace") for each in dict.fromkeys((namespace_id, ANY))),
    )


def readable_namespaces(workspace_id: str, permissions: frozenset[str]) -> Reach:
    """Return which namespaces somebody may read, as `read_namespace` says, so that a listing asks for those alone."""
    if is_allowed(permissions, read_namespace(workspace_id)):
        return Reach(all=True)
    tuples = {match[1] for match in map(_READ_ONE.fullmatch, permissions) if match}
    urns = reach(permissions, urn(workspace_id, f"projects/{ANY}/ratelimits/namespaces/{ANY}", "read"))
    return Reach(
        ids=tuples | {namespace for project, namespace in urns if project == ANY},
        project_ids={project for project, namespace in urns if namespace == ANY},
        pairs={(project, namespace) for project, namespace in urns if ANY not in (project, namespace)},
    )


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
    "ratelimit.listNamespaces": (
        Need(read_namespace(WORKSPACE, NAMESPACE, PROJECT), "for every namespace: others are left out"),
    ),
    "ratelimit.deleteOverride": (Need(delete_override(WORKSPACE, NAMESPACE, OVERRIDE)),),
}
