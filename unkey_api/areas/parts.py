"""What use cases that change something work with, whatever they are about, and how they get ids that are free."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from unkey_api.areas.projects.service import DefaultProject
from unkey_api.audit.service import AuditLog
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdSource
from unkey_api.infra.mysql import Database, DuplicateKey


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


T = TypeVar("T")
ATTEMPTS = 5
PAUSE_SECONDS = 0.1  # times the number of the attempt
DRAWN = frozenset(
    {
        "keys_id_unique",
        "hash_idx",
        "identities_id_unique",
        "ratelimits_id_unique",
        "permissions_id_unique",
        "roles_id_unique",
        "workspaces_id_unique",
        "workspaces_slug_unique",
        "key_auth_id_unique",
    }
)
"""Unique indexes over what an attempt draws or looks for first, so that another one may succeed."""


async def with_fresh_ids(attempt: Callable[[], Awaitable[T]], sleep: Callable[[float], Awaitable[None]]) -> T:
    """Run `attempt`, which draws its own ids, until no unique index over them refuses it.

    Raises:
        DuplicateKey: Five attempts were refused, or one by an index over what the caller chose.
    """
    for number in range(1, ATTEMPTS):
        try:
            return await attempt()
        except DuplicateKey as err:
            if err.index not in DRAWN:
                raise
            await sleep(PAUSE_SECONDS * number)
    return await attempt()
