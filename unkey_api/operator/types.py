"""Words of the operator's commands."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.core.columns import UnixMs
from unkey_api.core.permission_vocabulary import TUPLE_ACTIONS


def all_permissions(workspace_id: str) -> tuple[str, ...]:
    """Return a set of permissions that allows everything in a workspace."""
    tuples = [f"{kind}.*.{action}" for kind, actions in TUPLE_ACTIONS.items() for action in sorted(actions)]
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
