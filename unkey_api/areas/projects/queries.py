"""The table of projects."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import ProjectId
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement


@dataclass(frozen=True, slots=True)
class ProjectIdRow:
    """A project, as far as one needs it to own things."""

    id: ProjectId


@dataclass(frozen=True, slots=True)
class NewProject:
    """A project to insert."""

    id: ProjectId
    workspace_id: str
    name: str
    slug: str
    delete_protection: bool
    created_at: UnixMs


_FIND_BY_SLUG = load_query(__package__, "project_find_by_slug", row=ProjectIdRow)
_FIND_BY_SLUG_LOCKED = load_query(__package__, "project_find_by_slug_locked", row=ProjectIdRow)
_INSERT = load_statement(__package__, "project_insert")


async def find_by_slug(conn: ReadConn, workspace_id: str, slug: str) -> ProjectId | None:
    """Return the project with this slug, in whatever letter case it is stored."""
    row = await conn.fetch_one(_FIND_BY_SLUG, {"workspace_id": workspace_id, "slug": slug})
    return row.id if row else None


async def find_by_slug_locked(conn: ReadConn, workspace_id: str, slug: str) -> ProjectId | None:
    """Return the same as it is committed now, not as the transaction's snapshot shows it."""
    row = await conn.fetch_one(_FIND_BY_SLUG_LOCKED, {"workspace_id": workspace_id, "slug": slug})
    return row.id if row else None


async def insert(conn: WriteConn, project: NewProject) -> None:
    """Insert a project. Raises DuplicateKey when the workspace has one of that slug."""
    await conn.execute(_INSERT, asdict(project))
