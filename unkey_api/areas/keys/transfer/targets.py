"""Finding out which keyspace a command means."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.areas.keys.queries import find_migration
from unkey_api.areas.keys.transfer import queries
from unkey_api.areas.keys.transfer.queries import ApiRow
from unkey_api.areas.keys.transfer.types import Target, TransferRefused
from unkey_api.areas.keys.types import MigrationAlgorithm
from unkey_api.areas.projects.service import DefaultProject
from unkey_api.infra.mysql import Database


async def apis_of(database: Database, workspace_id: str, *, api: str, keyspace: str) -> Sequence[ApiRow]:
    """Return the APIs a command names: one by its id or keyspace, or all of the workspace when it names none.

    Raises:
        TransferRefused: There is no such workspace, or nothing in it fits.
    """
    if not await queries.workspace_exists(database.primary, workspace_id):
        raise TransferRefused(f"there is no workspace '{workspace_id}'; `unkey-api workspace list` shows them")
    found = [
        row
        for row in await queries.list_apis(database.primary, workspace_id)
        if api in {"", row.id} and keyspace in {"", row.keyspace_id}
    ]
    if not found:
        raise TransferRefused(f"workspace '{workspace_id}' has no API{' like that' if api or keyspace else ''}")
    return found


async def find_target(
    database: Database, projects: DefaultProject, workspace_id: str, *, api: str, keyspace: str, migration: str
) -> Target:
    """Return where keys are to be imported.

    Raises:
        TransferRefused: Nothing fits, or several APIs do; or there is no such migration.
    """
    found = await apis_of(database, workspace_id, api=api, keyspace=keyspace)
    if len(found) > 1:
        raise TransferRefused(f"say --api: workspace '{workspace_id}' has {', '.join(row.id for row in found)}")
    [chosen] = found
    row = await find_migration(database.primary, workspace_id, migration) if migration else None
    if migration and row is None:
        raise TransferRefused(
            f"workspace '{workspace_id}' has no migration '{migration}'; `unkey-api keys create-migration` makes one"
        )
    return Target(
        workspace_id=workspace_id,
        project_id=await projects.ensure(database.primary, workspace_id),
        api_id=chosen.id,
        api_name=chosen.name,
        keyspace_id=chosen.keyspace_id,
        migration_id=row.id if row else None,
        prefixed=row is not None and row.algorithm is MigrationAlgorithm.PREFIXED_API_KEY,
    )
