"""What is said about a change that verifications or limits see: whose it is, what it touched, never what it became.

Who hears of a change fetches the present rows. So hearing twice does no harm, and nothing secret travels.
"""

from __future__ import annotations

import zlib
from enum import IntEnum
from typing import NamedTuple

LANES = 16
"""How many independent orders there are. A workspace is in one of them for ever."""
NAME_BYTES_MAX = 200
"""A longer name is left out, so that every message about it fits; then more is dropped than need be."""


class ChangeKind(IntEnum):
    """What a change touched. The numbers are stored."""

    KEY = 1
    """Subject: the digest of its secret."""
    IDENTITY = 2
    """Subject: its id."""
    ROLE = 3
    """Subject: the name keys were given it under; empty stands for every role."""
    PERMISSION = 4
    """Subject: the slug keys were given it under; empty stands for every permission."""
    API = 5
    """Subject: its id. Scope: its keyspace."""
    WORKSPACE = 6
    """Subject: its id."""
    NAMESPACE = 7
    """Subject: its id, or its name."""
    ROOT_KEY = 8
    """Subject: the digest of its secret. Workspace: the one it acts for."""
    PROBE = 9
    """Nothing was touched."""


class Change(NamedTuple):
    """One thing that is no longer as it was."""

    workspace_id: str
    kind: ChangeKind
    subject: str
    scope_id: str = ""
    """The keyspace, where there is one."""


class LoggedChange(NamedTuple):
    """A change with its place in the order of its lane."""

    revision: int
    """From 1, without gaps; 0 while nobody knows whether the change took effect."""
    change: Change

    @property
    def lane(self) -> int:
        """The lane of its workspace."""
        return lane_of(self.change.workspace_id)


def lane_of(workspace_id: str) -> int:
    """Return the lane of a workspace, from 0 to 15, the same in every process and for ever."""
    return zlib.crc32(workspace_id.encode()) % LANES


def key_changed(workspace_id: str, key_hash: str, keyspace_id: str) -> Change:
    """Say that a key was created, changed or deleted."""
    return Change(workspace_id, ChangeKind.KEY, key_hash, keyspace_id)


def root_key_changed(for_workspace_id: str, key_hash: str) -> Change:
    """Say that a root key that acts for a workspace was created, changed or deleted."""
    return Change(for_workspace_id, ChangeKind.ROOT_KEY, key_hash)


def identity_changed(workspace_id: str, identity_id: str) -> Change:
    """Say that an identity or its limits were created, changed or deleted."""
    return Change(workspace_id, ChangeKind.IDENTITY, identity_id)


def role_changed(workspace_id: str, name: str) -> Change:
    """Say that a role was created, changed or deleted; `name` is the one it had before, as read under its lock."""
    return Change(workspace_id, ChangeKind.ROLE, _short(name))


def permission_changed(workspace_id: str, slug: str) -> Change:
    """Say the same of a permission; `slug` is the one it had before."""
    return Change(workspace_id, ChangeKind.PERMISSION, _short(slug))


def api_changed(workspace_id: str, api_id: str, keyspace_id: str | None) -> Change:
    """Say that an API or its keyspace was created, changed or deleted."""
    return Change(workspace_id, ChangeKind.API, api_id, keyspace_id or "")


def workspace_changed(workspace_id: str) -> Change:
    """Say that a workspace was created, switched, limited or deleted."""
    return Change(workspace_id, ChangeKind.WORKSPACE, workspace_id)


def namespace_changed(workspace_id: str, namespace_id: str, name: str) -> tuple[Change, Change]:
    """Say that a namespace or an override in it was created, changed or deleted. It is known by its id and its name."""
    return (
        Change(workspace_id, ChangeKind.NAMESPACE, namespace_id),
        Change(workspace_id, ChangeKind.NAMESPACE, name),
    )


def _short(name: str) -> str:
    return name if len(name.encode()) <= NAME_BYTES_MAX else ""
