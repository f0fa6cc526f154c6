"""Permissions of the WorkOS provider, as ours.

A slug is `<resource>:<action>`; each known one becomes one or two URN grants of the workspace the token is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from unkey_api.core.urn import urn_text

_ENVIRONMENT = "projects/*/apps/*/environments/*"
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
