"""Remembering what was announced as changed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Watched:
    """Satisfies `GrantWatcher`, and takes changes of identities too."""

    identities: list[str] = field(default_factory=list)
    roles: list[tuple[str, str]] = field(default_factory=list)
    permissions: list[tuple[str, str]] = field(default_factory=list)

    def identity_changed(self, identity_id: str) -> None:
        self.identities.append(identity_id)

    def role_changed(self, workspace_id: str, name: str) -> None:
        self.roles.append((workspace_id, name))

    def permission_changed(self, workspace_id: str, slug: str) -> None:
        self.permissions.append((workspace_id, slug))
