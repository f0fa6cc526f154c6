"""What has to exist for a caller to meet each kind of refusal."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass

import orjson

from tests.support.mysql import run_sql
from tests.support.served import Served, fetch
from unkey_api.infra.mysql import Dsn


@dataclass(frozen=True, slots=True)
class Troubles:
    """Credentials and names, each of which leads to one refusal. Made once per session: nothing here is used up."""

    base: str
    http2: str
    root_key: str
    """May do everything."""
    powerless_key: str
    """May do nothing: 403."""
    unknown_key: str
    """Belongs to nobody: 401."""
    throttled_key: str
    """Belongs to a workspace that may make no requests at all: 429."""
    protected_api: str
    """Must not be deleted: 412."""
    plain_api: str
    """Keeps no recoverable keys: 412 for who asks for one."""
    gone_namespace: str
    """Was deleted: 410."""
    migration: str
    """Waits for keys: no trouble, but only an operator can make one."""

    def given(self) -> dict[str, str]:
        """Return it for clients in other languages."""
        return asdict(self)


async def make_troubles(served: Served, dsn: Dsn) -> Troubles:
    """Make everything."""
    admin, powerless, throttled = await served.admin(), await served.caller(), await served.admin()
    await run_sql(dsn, _no_requests_for(throttled.workspace_id))
    namespace = f"gone-{secrets.token_hex(6)}"
    await run_sql(
        dsn,
        "INSERT INTO ratelimit_namespaces (id, workspace_id, project_id, name, deleted_at_m) "
        f"VALUES ('rlns_{secrets.token_hex(6)}', '{admin.workspace_id}', 'proj_x', '{namespace}', 1)",
    )
    migration = f"mig_{secrets.token_hex(6)}"
    values = f"NULL, '{migration}', '{admin.workspace_id}', 'sha256'"
    await run_sql(dsn, f"INSERT INTO key_migrations VALUES ({values})")
    protected, plain = (_make_api(served, admin.root_key, name) for name in ("protected", "plain"))
    await run_sql(dsn, f"UPDATE apis SET delete_protection = true WHERE id = '{protected}'")
    return Troubles(
        base=served.base,
        http2=served.service.http2,
        root_key=admin.root_key,
        powerless_key=powerless.root_key,
        unknown_key="unkey_nobody_has_this_one",
        throttled_key=throttled.root_key,
        protected_api=protected,
        plain_api=plain,
        gone_namespace=namespace,
        migration=migration,
    )


def _make_api(served: Served, root_key: str, name: str) -> str:
    headers = {"authorization": f"Bearer {root_key}"}
    status, body = fetch(f"{served.base}/v2/apis.createApi", {"name": name}, headers)
    assert status == 200, body
    return str(orjson.loads(body)["data"]["apiId"])


def _no_requests_for(workspace_id: str) -> str:
    values = {
        "api_billable_operations_count_max_per_month": 0,
        "api_requests_count_max_per_minute": 0,
        "logs_retention_days_max": 1,
        "logs_audit_retention_days_max": 1,
        "team_enabled": 0,
        "cpu_cores_max": 1,
        "cpu_cores_max_per_instance": 1,
        "memory_mib_max": 1,
        "memory_mib_max_per_instance": 1,
        "storage_mib_max": 1,
        "storage_mib_max_per_instance": 1,
        "builds_concurrent_max": 1,
        "custom_domains_max": 1,
        "autoscaling_replicas_max": 1,
    }
    numbers = ", ".join(map(str, values.values()))
    return f"INSERT INTO limits (workspace_id, {', '.join(values)}) VALUES ('{workspace_id}', {numbers})"
