"""Installations to fill: a MariaDB each, with the settings of the development stack, one API and a root key."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from unkey_api.admin.service import AdminService
from unkey_api.admin.types import all_permissions
from unkey_api.areas.apis.service import CreateApi
from unkey_api.areas.parts import Parts
from unkey_api.areas.projects.service import DefaultProject
from unkey_api.audit.service import AuditLog
from unkey_api.core.clock import Clock
from unkey_api.core.ids import RandomIds
from unkey_api.core.principal import Caller, Principal, SubjectType
from unkey_api.dev.mariadb import mariadb
from unkey_api.dev.ports import free_ports
from unkey_api.infra.mysql import Database, MysqlSettings, log_orphan, open_database, parse_dsn
from unkey_api.infra.mysql.migrations import migrate


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An installation with an empty API."""

    folder: Path
    config: Path
    """For `serve` and for the commands."""
    database: Database
    workspace_id: str
    api_id: str
    root_key: str
    """May do everything in the workspace."""


@asynccontextmanager
async def place(folder: Path, redis_url: str, clock: Clock) -> AsyncIterator[Place]:
    """Start a MariaDB in the folder and make a workspace with an API; stop it at the end."""
    [port] = free_ports(1)
    folder.mkdir(parents=True)
    async with mariadb(folder, port, secrets.token_hex(16)) as server:
        config = folder / "unkey.toml"
        config.write_text(
            f'redis_url = "{redis_url}"\nregion = "local"\n[database]\nprimary = "{server.dsn}"\n'
            '[[auth]]\ntype = "root_key"\n'
        )
        settings = MysqlSettings(primary=parse_dsn(server.dsn))
        await migrate(settings)
        async with open_database(settings, clock=clock, on_orphan_error=log_orphan) as database:
            yield await _furnished(folder, config, database, clock)


async def _furnished(folder: Path, config: Path, database: Database, clock: Clock) -> Place:
    ids = RandomIds()
    audit = AuditLog(clock=clock, ids=ids)
    admin = AdminService(database, audit=audit, clock=clock, ids=ids, random_bytes=secrets.token_bytes)
    workspace_id = await admin.create_workspace("Scale", "scale")
    issued = await admin.create_root_key(workspace_id, "scale", all_permissions(workspace_id))
    principal = Principal(workspace_id, "bench", "bench", SubjectType.SYSTEM, frozenset({"api.*.create_api"}))
    projects = DefaultProject(clock=clock, ids=ids)
    create = CreateApi(Parts(database=database, audit=audit, projects=projects, clock=clock, ids=ids))
    api = await create(Caller(principal, "", "", ""), "scale")
    return Place(
        folder=folder,
        config=config,
        database=database,
        workspace_id=workspace_id,
        api_id=api,
        root_key=issued.secret.reveal(),
    )
