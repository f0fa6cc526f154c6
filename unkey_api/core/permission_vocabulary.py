"""Which permissions mean something, what somebody who wrote another one probably meant, and those of WorkOS as ours.

Knows the operations of every area, also of those this service does not serve yet: a root key may be given what will be
asked for later. A grant that covers no known resource, or names an action no resource of its kind has, is a mistake.

A slug of the WorkOS provider is `<resource>:<action>`; each known one becomes one or two URN grants of the workspace
the token is for.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from unkey_api.core.urn import ANY_ACTION, ANY_BELOW, ANY_SEGMENT, SCHEME, UrnGrant, parse_urn_grant, urn_text

TUPLE_ACTIONS: Mapping[str, frozenset[str]] = {
    kind: frozenset(actions.split())
    for kind, actions in {
        "api": (
            "read_api create_api delete_api update_api create_key update_key delete_key encrypt_key decrypt_key "
            "read_key verify_key read_analytics"
        ),
        "ratelimit": (
            "limit create_namespace read_namespace update_namespace delete_namespace set_override read_override "
            "delete_override list_overrides read_analytics"
        ),
        "rbac": (
            "create_permission update_permission delete_permission read_permission create_role update_role "
            "delete_role read_role add_permission_to_key remove_permission_from_key add_role_to_key "
            "remove_role_from_key add_permission_to_role remove_permission_from_role"
        ),
        "identity": "create_identity read_identity update_identity delete_identity",
        "project": (
            "create_project read_project update_project delete_project create_app create_deployment read_deployment "
            "generate_upload_url read_gateway_requests read_runtime_logs read_analytics"
        ),
        "app": "read_app update_app delete_app connect_repository",
        "environment": (
            "read_environment update_environment set_environment_variables remove_environment_variables "
            "read_environment_variables set_policies update_policy read_policies create_domain read_domain "
            "delete_domain verify_domain create_deployment read_deployment stop_deployment start_deployment "
            "promote_deployment rollback_deployment"
        ),
        "portal": "create_portal read_portal update_portal delete_portal create_portal_session",
        "workspace": "install_github",
    }.items()
}
"""Actions of the tuple permissions `<kind>.<id or *>.<action>`."""

_APP = "projects/*/apps/*"
_ENVIRONMENT = f"{_APP}/environments/*"
RESOURCES = (
    "keyspaces/*/keys/*",
    "ratelimits/namespaces/*/overrides/*",
    "rbac/roles/*",
    "rbac/permissions/*",
    "rootKeys/*",
    "limits",
    "usage",
    "projects/*/identities/*",
    "projects/*/rbac/permissions/*",
    "projects/*/rbac/roles/*",
    "projects/*/ratelimits/namespaces/*",
    "projects/*/portals/*/sessions/*",
    f"{_ENVIRONMENT}/deployments/*/instances/*",
    f"{_ENVIRONMENT}/deployments/*/buildLogs",
    f"{_ENVIRONMENT}/domains/*",
    f"{_ENVIRONMENT}/variables/*",
    f"{_ENVIRONMENT}/policies/*",
    "portals/*/sessions/*",
    "team/memberships/*",
    "team/invitations/*",
    "billing/invoices/*",
    "billing/quotas",
)
"""Paths of resources in URNs, `*` for an id. What begins one is a resource as well."""

_SHAPES = tuple(tuple(path.split("/")) for path in RESOURCES)
_COARSE = frozenset({"read", "write", "delete"})
_FAMILIES: Mapping[str, frozenset[str]] = {
    "keyspaces": TUPLE_ACTIONS["api"] | {"create_keyspace", "read_keyspace", "update_keyspace", "delete_keyspace"},
    "ratelimits": TUPLE_ACTIONS["ratelimit"],
    "rbac": TUPLE_ACTIONS["rbac"],
    "projects": frozenset().union(*(TUPLE_ACTIONS[kind] for kind in ("project", "app", "environment", "identity")))
    | TUPLE_ACTIONS["portal"]
    | {"create_environment", "create_variable"},
    "portals": TUPLE_ACTIONS["portal"],
    "team": TUPLE_ACTIONS["workspace"],
}
"""Actions below a first segment, beside the coarse ones that every resource has."""

FORM = "it must look like `unkey:v1:<workspaceId>:<resource>#<action>`"


def mistake_in_urn(permission: str, workspace_id: str) -> str | None:
    """Return what is wrong with a URN permission of a workspace, and the nearest right one; None when it is right.

    The answer is the end of a sentence, without its full stop.
    """
    grant = parse_urn_grant(permission)
    if grant is None:
        return FORM
    if grant.workspace_id != workspace_id:
        return f"it names another workspace than yours, `{workspace_id}`"
    shapes = [shape for shape in _SHAPES if _fits(grant.segments, shape)]
    if not shapes:
        return _unknown_resource(grant)
    if grant.action == ANY_ACTION or grant.action in _COARSE:
        return None
    actions = frozenset[str]().union(*(_FAMILIES.get(shape[0], frozenset()) for shape in shapes))
    return None if grant.action in actions else _unknown_action(grant, actions | _COARSE)


def mistake_in_tuple(permission: str) -> str | None:
    """Return what is wrong with a permission of the form `<kind>.<id or *>.<action>`, as `mistake_in_urn` does."""
    kind, _, rest = permission.partition(".")
    resource_id, _, action = rest.rpartition(".")
    if not resource_id or not action:
        return "it must look like `<kind>.<id or *>.<action>`, for instance `api.*.verify_key`"
    known = TUPLE_ACTIONS.get(kind)
    if known is None:
        right = _nearest(kind, TUPLE_ACTIONS)
        return f"there is no kind '{kind}'" + _meant(f"{right}.{resource_id}.{action}" if right else None)
    if action in known:
        return None
    right = _nearest(action, known)
    return f"'{kind}' has no action '{action}'" + _meant(f"{kind}.{resource_id}.{right}" if right else None)


def mistake_in(permission: str, workspace_id: str) -> str | None:
    """Return what is wrong with a permission of either form, or None."""
    if permission.startswith(SCHEME.partition(":")[0] + ":"):
        return mistake_in_urn(permission, workspace_id)
    return mistake_in_tuple(permission)


def _fits(granted: tuple[str, ...], shape: tuple[str, ...]) -> bool:
    """Say whether the granted path names resources of the shape, or of what begins it."""
    if granted[-1] == ANY_BELOW:
        granted = granted[:-1]
    if len(granted) > len(shape):
        return False
    return all(ANY_SEGMENT in (mine, theirs) or mine == theirs for mine, theirs in zip(granted, shape, strict=False))


def _unknown_resource(grant: UrnGrant) -> str:
    for length in range(1, len(grant.segments) + 1):
        if not any(_fits(grant.segments[:length], shape) for shape in _SHAPES):
            break
    head, wrong, rest = grant.segments[: length - 1], grant.segments[length - 1], grant.segments[length:]
    here = {shape[length - 1] for shape in _SHAPES if len(shape) >= length and (not head or _fits(head, shape))} - {
        ANY_SEGMENT
    }
    right = _nearest(wrong, here)
    path = "/".join((*head, wrong))
    return f"there is no resource '{path}'" + _meant(
        urn_text(grant.workspace_id, "/".join((*head, right, *rest)), grant.action) if right else None
    )


def _unknown_action(grant: UrnGrant, known: Iterable[str]) -> str:
    path = "/".join(grant.segments)
    right = _nearest(grant.action, known)
    return f"'{path}' has no action '{grant.action}'" + _meant(
        urn_text(grant.workspace_id, path, right) if right else None
    )


def _meant(right: str | None) -> str:
    return f"; did you mean `{right}`?" if right else ""


def _nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like this one, whatever the letter case and accents; None when none is near."""
    plain = {_plain(each): each for each in sorted(known)}
    found = get_close_matches(_plain(word)[:64], plain, n=1)
    return plain[found[0]] if found else None


def _plain(word: str) -> str:
    spelled = unicodedata.normalize("NFKD", word)
    return "".join(mark for mark in spelled if not unicodedata.combining(mark)).casefold().replace("-", "_")


_KEYS = "keyspaces/*/keys/*"


def _family(resource: str, actions: Iterable[str], path: str, suffix: str) -> dict[str, tuple[tuple[str, str], ...]]:
    return {f"{resource}:{action}": ((path, f"{action}_{suffix}"),) for action in actions}


_GRANTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "admin:*": (("**", "*"),),
    **_family(
        "deployments",
        ("stop", "start", "rollback", "create", "promote"),
        f"{_ENVIRONMENT}/deployments/*",
        "deployment",
    ),
    **_family("projects", ("create", "update", "delete"), "projects/*", "project"),
    **_family("apps", ("create", "delete"), "projects/*/apps/*", "app"),
    **_family("environments", ("read", "update"), _ENVIRONMENT, "environment"),
    **_family("environment_variables", ("read", "set", "remove"), _ENVIRONMENT, "environment_variables"),
    **_family("identities", ("create", "read", "update", "delete"), "projects/*/identities/*", "identity"),
    "keys:create": (("keyspaces/*", "create_key"),),
    "keys:read": ((_KEYS, "read_key"), ("keyspaces/*", "read_keyspace")),
    **_family("keys", ("update", "verify", "encrypt", "decrypt", "delete"), _KEYS, "key"),
}


@dataclass(frozen=True, slots=True)
class Translation:
    """What became of a list of slugs."""

    permissions: tuple[str, ...]
    """Our permission strings, in the order of the slugs, duplicates kept."""
    unknown: tuple[str, ...]
    """Slugs that mean nothing to us; worth a warning, since their holder may expect otherwise."""


def translate_workos_permissions(slugs: Iterable[str], workspace_id: str) -> Translation:
    """Translate slugs, compared exactly and untrimmed, into permissions of one workspace."""
    permissions: list[str] = []
    unknown: list[str] = []
    for slug in slugs:
        grants = _GRANTS.get(slug)
        if grants is None:
            unknown.append(slug)
        else:
            permissions.extend(urn_text(workspace_id, path, action) for path, action in grants)
    return Translation(tuple(permissions), tuple(unknown))
