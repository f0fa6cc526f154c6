"""Permissions for roles: named by slug in whatever letter case, created where they do not exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from unkey_api.core.columns import UnixMs
from unkey_api.core.identifiers import PermissionId
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.infra.mysql import WriteConn
from unkey_api.permissions import queries
from unkey_api.permissions.holding import LinkTargetGone
from unkey_api.permissions.queries import NewPermission
from unkey_api.permissions.types import Permission
from unkey_api.projects.service import DefaultProject


@dataclass(frozen=True, slots=True)
class Resolved:
    """Permissions that exist now."""

    all: tuple[Permission, ...]
    """In the order of the wanted slugs, as they are stored."""
    created: tuple[Permission, ...]
    """Those of them this call has created."""


def distinct_slugs(slugs: Iterable[str]) -> list[str]:
    """Return the slugs without those that differ only in letter case, first spelling wins, in ascending byte order."""
    seen: dict[str, str] = {}
    for slug in slugs:
        seen.setdefault(slug.lower(), slug)
    return sorted(seen.values())


class PermissionResolver:
    """Finds permissions by slug and creates the missing ones. Meant to be called within a transaction."""

    def __init__(self, projects: DefaultProject, *, ids: IdSource) -> None:
        self._projects = projects
        self._ids = ids

    def mint(self, slugs: Iterable[str]) -> dict[str, PermissionId]:
        """Return a fresh id for each slug. Call it outside of the transaction, so that a replay uses the same ones."""
        return {slug: PermissionId(self._ids.new(IdPrefix.PERMISSION)) for slug in slugs}

    async def resolve(
        self,
        tx: WriteConn,
        workspace_id: str,
        wanted: Mapping[str, PermissionId],
        *,
        require_create: Callable[[], None],
        now: UnixMs,
    ) -> Resolved:
        """Return the permissions of these slugs, locked against deletion.

        Of several creators of one slug one inserts it, and only for that one it counts as created. A missing slug is
        looked for without a lock, because a lock on what is not there blocks everybody else's insert.

        Args:
            tx: The transaction.
            workspace_id: Whose permissions.
            wanted: Slugs as `distinct_slugs` returns them, each with the id to use if it is missing.
            require_create: Raises unless the caller may create permissions; called only when one is missing.
            now: Time of creation.

        Raises:
            LinkTargetGone: One was deleted at this very moment. The transaction is replayed.
        """
        if not wanted:
            return Resolved((), ())
        present = {p.slug.lower() for p in await queries.list_permissions_any_case(tx, workspace_id, list(wanted))}
        missing = [slug for slug in wanted if slug.lower() not in present]
        if missing:
            require_create()
            await self._insert(tx, workspace_id, {slug: wanted[slug] for slug in missing}, now)
        current = await queries.list_permissions_any_case_current(tx, workspace_id, list(wanted))
        by_slug = {permission.slug.lower(): permission for permission in current}
        for slug in wanted:
            if slug.lower() not in by_slug:
                raise LinkTargetGone(1)
        resolved = tuple(by_slug[slug.lower()] for slug in wanted)
        ours = set(wanted.values())
        return Resolved(resolved, tuple(permission for permission in resolved if permission.id in ours))

    async def _insert(self, tx: WriteConn, workspace_id: str, missing: Mapping[str, PermissionId], now: UnixMs) -> None:
        project_id = await self._projects.ensure(tx, workspace_id)
        rows = [
            NewPermission(permission_id, workspace_id, project_id, slug, slug, None, now)
            for slug, permission_id in missing.items()
        ]
        await queries.insert_permissions_if_absent(tx, rows)
