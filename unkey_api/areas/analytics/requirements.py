"""What a caller needs for an analytics query, and which rows it then reads.

Permission on single resources is enough to ask; the answer is then made of their rows.
"""

from __future__ import annotations

from collections.abc import Iterable

from unkey_api.core.needs import ANY, API, KEYSPACE, NAMESPACE, WORKSPACE, Need, Operations
from unkey_api.core.rbac import Requirement, any_of, or_else, tuple_, urn
from unkey_api.core.urn import ANY_SEGMENT, parse_urn_grant

READ = "read_analytics"
_KEYSPACES = ("keyspaces",)
_NAMESPACES = ("ratelimits", "namespaces")


def all_verifications(workspace_id: str) -> Requirement:
    """Return what asking all verifications of a workspace needs."""
    return or_else(tuple_("api", ANY, READ), urn(workspace_id, f"keyspaces/{ANY}", READ))


def all_ratelimits(workspace_id: str) -> Requirement:
    """Return what asking all rate-limit decisions of a workspace needs."""
    return or_else(tuple_("ratelimit", ANY, READ), urn(workspace_id, f"ratelimits/namespaces/{ANY}", READ))


def gateway_requests(workspace_id: str) -> Requirement:
    """Return what asking gateway requests needs."""
    return or_else(
        tuple_("project", ANY, "read_gateway_requests"), urn(workspace_id, f"projects/{ANY}", "read_gateway_requests")
    )


def runtime_logs(workspace_id: str) -> Requirement:
    """Return what asking runtime logs needs."""
    return or_else(
        tuple_("project", ANY, "read_runtime_logs"), urn(workspace_id, f"projects/{ANY}", "read_runtime_logs")
    )


def granted_apis(permissions: Iterable[str]) -> tuple[str, ...]:
    """Return the APIs whose verifications may be asked, by tuples, in alphabetical order."""
    return _named_in_tuples(permissions, "api")


def granted_keyspaces(permissions: Iterable[str], workspace_id: str) -> tuple[str, ...]:
    """Return the keyspaces whose verifications may be asked, by URNs, in alphabetical order."""
    return _named_in_urns(permissions, workspace_id, _KEYSPACES)


def granted_namespaces(permissions: Iterable[str], workspace_id: str) -> tuple[str, ...]:
    """Return the namespaces whose decisions may be asked, in alphabetical order."""
    permissions = tuple(permissions)
    by_urn = _named_in_urns(permissions, workspace_id, _NAMESPACES)
    return tuple(sorted({*_named_in_tuples(permissions, "ratelimit"), *by_urn}))


def _named_in_tuples(permissions: Iterable[str], kind: str) -> tuple[str, ...]:
    found = set()
    for permission in permissions:
        parts = permission.split(".")
        if len(parts) == 3 and parts[0] == kind and parts[2] == READ and parts[1] != ANY:
            found.add(parts[1])
    return tuple(sorted(found))


def _named_in_urns(permissions: Iterable[str], workspace_id: str, path: tuple[str, ...]) -> tuple[str, ...]:
    found = set()
    for grant in filter(None, map(parse_urn_grant, permissions)):
        *above, last = grant.segments
        if grant.workspace_id == workspace_id and grant.action == READ and tuple(above) == path:
            found.add(last)
    return tuple(sorted(found - {ANY_SEGMENT, "**"}))


OPERATIONS: Operations = {
    "analytics.getVerifications": (
        Need(
            any_of(
                tuple_("api", ANY, READ),
                tuple_("api", API, READ),
                urn(WORKSPACE, f"keyspaces/{ANY}", READ),
                urn(WORKSPACE, f"keyspaces/{KEYSPACE}", READ),
            )
        ),
    ),
    "analytics.getRatelimits": (
        Need(
            any_of(
                tuple_("ratelimit", ANY, READ),
                tuple_("ratelimit", NAMESPACE, READ),
                urn(WORKSPACE, f"ratelimits/namespaces/{ANY}", READ),
                urn(WORKSPACE, f"ratelimits/namespaces/{NAMESPACE}", READ),
            )
        ),
    ),
    "analytics.getGatewayRequests": (Need(gateway_requests(WORKSPACE)),),
    "analytics.getRuntimeLogs": (Need(runtime_logs(WORKSPACE)),),
}
