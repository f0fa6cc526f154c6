"""What use cases that change something work with, whatever they are about."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.areas.projects.service import DefaultProject
from unkey_api.audit.service import AuditLog
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdSource
from unkey_api.infra.mysql import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Collaborators that every area's use cases share. An area that needs more has a class of its own."""

    database: Database
    audit: AuditLog
    """Written to in the transaction that makes the change."""
    projects: DefaultProject
    """Where what is created belongs."""
    clock: Clock
    ids: IdSource

    def now(self) -> UnixMs:
        """Return the present instant."""
        return UnixMs(self.clock.now_ms())
