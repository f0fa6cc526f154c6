"""The demo data of a first start: a workspace, an API and a root key that may do everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.core.keymaterial import SHOWN_CHARACTERS, generate_key, hash_key
from unkey_api.core.secret import Secret
from unkey_api.dev.root_permissions import all_permissions
from unkey_api.infra.mysql import Database, WriteConn, load_query, load_statement
from unkey_api.infra.vault import VaultClient

ROOT_KEY_BYTES = 16
ROOT_KEY_PREFIX = "unkey"


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key that exists."""

    id: str


FIND_KEY = load_query(__package__, "key_find_by_hash", row=FoundKey)
INSERT_WORKSPACE = load_statement(__package__, "workspace_insert")
INSERT_LIMITS = load_statement(__package__, "limits_insert")
INSERT_PROJECT = load_statement(__package__, "project_insert")
INSERT_KEYSPACE = load_statement(__package__, "keyspace_insert")
INSERT_API = load_statement(__package__, "api_insert")
INSERT_ROOT_KEY = load_statement(__package__, "root_key_insert")
INSERT_PERMISSION = load_statement(__package__, "permission_insert")
INSERT_KEY_PERMISSION = load_statement(__package__, "key_permission_insert")
INSERT_CLICKHOUSE_SETTINGS = load_statement(__package__, "clickhouse_settings_insert")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Ids of a workspace with one project, one API and its keyspace."""

    workspace_id: str
    project_id: str
    keyspace_id: str
    api_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What a first start creates. Kept in a file, so that later starts can show the root key again."""

    demo: Tenant
    operator: Tenant
    root_key_id: str
    root_key: str
    """In plain text: this is a development data folder, and the file is its owner's alone."""


def load_demo(file: Path, *, ids: IdSource, random_bytes: Callable[[int], bytes]) -> Demo:
    """Return what `file` says, inventing it first when there is no such file. Stores nothing in a database."""
    if file.exists():
        known = json.loads(file.read_text())
        return Demo(
            demo=Tenant(**known["demo"]),
            operator=Tenant(**known["operator"]),
            root_key_id=known["root_key_id"],
            root_key=known["root_key"],
        )
    material = generate_key(random_bytes, byte_length=ROOT_KEY_BYTES, prefix=ROOT_KEY_PREFIX)
    demo = Demo(
        demo=_new_tenant(ids),
        operator=_new_tenant(ids),
        root_key_id=ids.new(IdPrefix.KEY),
        root_key=material.plaintext.reveal(),
    )
    file.touch(mode=0o600)
    file.write_text(json.dumps(asdict(demo), indent=2) + "\n")
    return demo


def _new_tenant(ids: IdSource) -> Tenant:
    return Tenant(
        workspace_id=ids.new(IdPrefix.WORKSPACE),
        project_id=ids.new(IdPrefix.PROJECT),
        keyspace_id=ids.new(IdPrefix.KEYSPACE),
        api_id=ids.new(IdPrefix.API),
    )


async def ensure_demo(db: Database, vault: VaultClient, demo: Demo, *, clock: Clock, ids: IdSource) -> bool:
    """Put the demo data into the database unless it is there. Return whether it was put there now.

    All of it or nothing; safe to repeat.
    """
    if await db.primary.fetch_one(FIND_KEY, {"hash": hash_key(demo.root_key)}):
        return False
    password = await vault.encrypt(demo.demo.workspace_id, Secret(demo.root_key_id))
    now = clock.now_ms()
    slugs = all_permissions(demo.demo.workspace_id)
    permissions = {ids.new(IdPrefix.PERMISSION): slug for slug in slugs}

    async def work(tx: WriteConn) -> None:
        await _insert_tenant(tx, demo.operator, name="Operator", api="Root keys", now=now)
        await _insert_tenant(tx, demo.demo, name="Demo", api="Demo API", now=now)
        await tx.execute(
            INSERT_CLICKHOUSE_SETTINGS,
            {"workspace_id": demo.demo.workspace_id, "password": password.encrypted, "now": now},
        )
        await _insert_root_key(tx, demo, permissions, now)

    await db.transaction("dev.seed", work)
    return True


async def _insert_tenant(tx: WriteConn, tenant: Tenant, *, name: str, api: str, now: int) -> None:
    workspace = {"workspace_id": tenant.workspace_id}
    slug = tenant.workspace_id.replace("_", "-").lower()
    names = {"id": tenant.workspace_id, "org_id": f"org_{slug}", "name": name, "slug": slug, "now": now}
    await tx.execute(INSERT_WORKSPACE, names)
    await tx.execute(INSERT_LIMITS, workspace)
    await tx.execute(INSERT_PROJECT, {"id": tenant.project_id, **workspace, "now": now})
    owned = {**workspace, "project_id": tenant.project_id, "now": now}
    await tx.execute(INSERT_KEYSPACE, {"id": tenant.keyspace_id, **owned})
    apis = {"id": tenant.api_id, "name": api, "keyspace_id": tenant.keyspace_id, "delete_protection": False, **owned}
    await tx.execute(INSERT_API, apis)


async def _insert_root_key(tx: WriteConn, demo: Demo, permissions: dict[str, str], now: int) -> None:
    operator = {"workspace_id": demo.operator.workspace_id, "now": now}
    await tx.execute(
        INSERT_ROOT_KEY,
        {
            "id": demo.root_key_id,
            "keyspace_id": demo.operator.keyspace_id,
            "hash": hash_key(demo.root_key),
            "start": demo.root_key[: len(ROOT_KEY_PREFIX) + 1 + SHOWN_CHARACTERS],
            "for_workspace_id": demo.demo.workspace_id,
            **operator,
        },
    )
    rows = [
        {"id": key, "slug": slug, "project_id": demo.operator.project_id, **operator}
        for key, slug in permissions.items()
    ]
    await tx.execute_many(INSERT_PERMISSION, rows)
    links = [{"key_id": demo.root_key_id, "permission_id": key, **operator} for key in permissions]
    await tx.execute_many(INSERT_KEY_PERMISSION, links)
