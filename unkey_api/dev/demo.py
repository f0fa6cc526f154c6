"""The demo of a first start: a workspace, an API, a root key that may do everything, and the text that shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from unkey_api.admin.service import AdminService
from unkey_api.admin.types import all_permissions
from unkey_api.areas.projects.service import DefaultProject
from unkey_api.audit.service import AuditLog
from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.core.keymaterial import hash_key
from unkey_api.core.secret import Secret
from unkey_api.dev.folder import ANY_ADDRESS, DevOptions, write_private
from unkey_api.dev.ports import LOOPBACK
from unkey_api.infra.mysql import Database, WriteConn, load_query, load_statement
from unkey_api.infra.vault import VaultClient

DEMO_SLUG = "demo"


@dataclass(frozen=True, slots=True)
class Found:
    """Something that exists."""

    id: str


FIND_API = load_query(__package__, "demo_api_find", row=Found)
FIND_KEY = load_query(__package__, "demo_key_find_by_hash", row=Found)
INSERT_API = load_statement(__package__, "demo_api_insert")
INSERT_CLICKHOUSE_SETTINGS = load_statement(__package__, "demo_clickhouse_settings_insert")
INSERT_KEYSPACE = load_statement(__package__, "demo_keyspace_insert")
INSERT_LIMITS = load_statement(__package__, "demo_limits_insert")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What a first start creates. Kept in a file, so that later starts can show the root key again."""

    workspace_id: str
    api_id: str
    root_key: str
    """In plain text: this is a development data folder, and the file is its owner's alone."""


class Seeder:
    """Creates the demo data, once."""

    def __init__(
        self,
        db: Database,
        vault: VaultClient,
        *,
        clock: Clock,
        ids: IdSource,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._ids = ids
        self._random_bytes = random_bytes
        audit = AuditLog(clock=clock, ids=ids)
        self._admin = AdminService(db, audit=audit, clock=clock, ids=ids, random_bytes=random_bytes)
        self._projects = DefaultProject(clock=clock, ids=ids)

    async def ensure(self, file: Path) -> tuple[Demo, bool]:
        """Return the demo data and whether it was created now.

        What `file` says is taken when its root key is in the database. Otherwise (a first start, one that was cut
        short, a database or a file that was lost) what is missing is created and `file` is written.
        """
        known = _read(file)
        if known and await self._has_key(known.root_key):
            return known, False
        demo = await self._create()
        write_private(file, json.dumps(asdict(demo), indent=2) + "\n")
        return demo, True

    async def _has_key(self, root_key: str) -> bool:
        found = await self._db.primary.fetch_one(FIND_KEY, {"hash": hash_key(root_key)})
        return found is not None

    async def _create(self) -> Demo:
        found = await self._admin.find_workspace(DEMO_SLUG)
        workspace_id = found.id if found else await self._admin.create_workspace("Demo", DEMO_SLUG)
        # Nobody logs in with it yet: the embedded ClickHouse knows one user. The analytics endpoints want it there.
        password = await self._vault.encrypt(workspace_id, Secret(self._random_bytes(24).hex()))
        api_id = self._ids.new(IdPrefix.API)
        keyspace_id = self._ids.new(IdPrefix.KEYSPACE)
        now = self._clock.now_ms()

        async def work(tx: WriteConn) -> str:
            settings = {"workspace_id": workspace_id, "password": password.encrypted, "now": now}
            await tx.execute(INSERT_CLICKHOUSE_SETTINGS, settings)
            await tx.execute(INSERT_LIMITS, {"workspace_id": workspace_id})
            existing = await tx.fetch_one(FIND_API, {"workspace_id": workspace_id})
            if existing:
                return existing.id
            project_id = await self._projects.ensure(tx, workspace_id)
            owned = {"workspace_id": workspace_id, "project_id": project_id, "now": now}
            await tx.execute(INSERT_KEYSPACE, {"id": keyspace_id, **owned})
            await tx.execute(INSERT_API, {"id": api_id, "keyspace_id": keyspace_id, **owned})
            return api_id

        api = await self._db.transaction("dev.seed", work)
        issued = await self._admin.create_root_key(workspace_id, "Demo root key", all_permissions(workspace_id))
        return Demo(workspace_id=workspace_id, api_id=api, root_key=issued.secret.reveal())


def _read(file: Path) -> Demo | None:
    try:
        return Demo(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None  # lost or damaged: new data is made beside what the database has


HEADERS = """-H "Authorization: Bearer $ROOT_KEY" -H 'Content-Type: application/json'"""


class _Text(Template):
    """Names are marked with @, because $ belongs to the shell."""

    delimiter = "@"


def welcome(options: DevOptions, demo: Demo, *, seconds: float, first_start: bool) -> str:
    """Return the text. Every command is one line and needs nothing but a POSIX shell, sed and curl."""
    host = LOOPBACK if options.host in ANY_ADDRESS else options.host
    host = f"[{host}]" if ":" in host else host
    base = f"http://{host}:{options.http_port}"
    return _Text(files("unkey_api.dev").joinpath("welcome.txt").read_text()).substitute(
        seconds=f"{seconds:.1f}",
        start="first start" if first_start else "with the data of before",
        base=base,
        http2=f"\n  HTTP/2   {host}:{options.http2_port} (gRPC, Connect)" if options.http2_port else "",
        data=options.data_dir,
        root_key=demo.root_key,
        api_id=demo.api_id,
        curl=f"curl -sS {base}",
        headers=HEADERS,
    )
