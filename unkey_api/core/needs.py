"""What operations need, as each area states it in its `requirements.py`: for judging, for printing, for tests.

An area builds every requirement with functions that take the ids of the resource. The same functions, given the
placeholders below, fill the area's table `OPERATIONS`, so what is printed is what is judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from unkey_api.core.rbac import Requirement, alternatives
from unkey_api.core.urn import ANY_ACTION, ANY_BELOW, ANY_SEGMENT, parse_urn_grant

WORKSPACE = "<workspaceId>"
API = "<apiId>"
KEYSPACE = "<keyspaceId>"
KEY = "<keyId>"
IDENTITY = "<identityId>"
NAMESPACE = "<namespaceId>"
OVERRIDE = "<overrideId>"
PROJECT = "<projectId>"
PERMISSION = "<permissionId>"
ROLE = "<roleId>"
ANY = "*"
"""Stands for the id where every resource of a kind is meant, also one that does not exist yet."""


@dataclass(frozen=True, slots=True)
class Need:
    """One thing an operation needs."""

    requirement: Requirement
    when: str = ""
    """When it is needed, as the end of a sentence that begins with "Needed"; empty for always."""

    def permissions(self) -> list[str]:
        """Return the sufficient alternatives as text; `and` joins what is needed together."""
        return [" and ".join(each) for each in alternatives(self.requirement)]


Operations: TypeAlias = Mapping[str, tuple[Need, ...]]
"""By operation, such as `keys.createKey`; what is always needed first."""


class Use(NamedTuple):
    """What a permission is good for."""

    operation: str
    need: Need
    also: tuple[str, ...]
    """What is needed beside it; empty when it is enough."""


def uses_of(permission: str, operations: Operations) -> Iterator[Use]:
    """Yield what a permission is good for, whatever the resources and the workspace it names."""
    for operation, needs in operations.items():
        for need in needs:
            found = [
                tuple(text for text in each if not covers(permission, text))
                for each in alternatives(need.requirement)
                if any(covers(permission, text) for text in each)
            ]
            if found:
                yield Use(operation, need, min(found, key=len))


def covers(permission: str, needed: str) -> bool:
    """Say whether a permission, for some resource of the kind, is one that a table names with placeholders."""
    grant, wanted = parse_urn_grant(permission), parse_urn_grant(needed)
    if grant is None or wanted is None:
        return grant is wanted and _covers_tuple(permission, needed)
    if grant.action not in (ANY_ACTION, wanted.action):
        return False
    path = grant.segments
    if path[-1] == ANY_BELOW:
        path = path[:-1]
    elif len(path) != len(wanted.segments):
        return False
    return len(path) <= len(wanted.segments) and all(
        mine in (ANY_SEGMENT, theirs) or _is_placeholder(theirs)
        for mine, theirs in zip(path, wanted.segments, strict=False)
    )


def _covers_tuple(permission: str, needed: str) -> bool:
    if permission == needed:
        return True
    mine, theirs = permission.split("."), needed.split(".")
    same = len(mine) == len(theirs) == 3 and mine[0::2] == theirs[0::2]
    return same and mine[1] != ANY and _is_placeholder(theirs[1])


def _is_placeholder(segment: str) -> bool:
    return segment.startswith("<")
