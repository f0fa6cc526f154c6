"""Two workspaces that own one of everything, to ask one for what belongs to the other."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, fields

from unkey_api.infra.mysql.sql_text import sql_literal

__all__ = ["DELETING", "World", "rows_of"]


@dataclass(frozen=True, slots=True)
class World:
    """Names of the rows of one workspace, each unique in the database. Root keys are rows of another, its home."""

    workspace: str
    org: str
    api: str
    api_name: str
    keyspace: str
    key: str
    key_hash: str
    migration: str
    successor: str
    identity: str
    external_id: str
    older_identity: str
    key_limit: str
    identity_limit: str
    older_limit: str
    permission: str
    permission_name: str
    slug: str
    permission_text: str
    role: str
    role_name: str
    role_text: str
    home: str
    home_api: str
    home_keyspace: str
    root_key: str
    root_hash: str
    root_permission: str
    root_role: str
    root_slug: str
    link_pk: str
    root_link_pk: str

    @classmethod
    def make(cls) -> World:
        """Draw the names."""
        return cls(
            **{
                field.name: str(secrets.randbelow(2**52))
                if field.name.endswith("_pk")
                else f"{field.name.replace('_', '')}{secrets.token_hex(6)}"
                for field in fields(cls)
            }
        )


DELETING = {
    "workspace": "UPDATE workspaces SET deleted_at_m = 1 WHERE id = {workspace}",
    "api": "UPDATE apis SET deleted_at_m = 1 WHERE id = {api}",
    "keyspace": "UPDATE key_auth SET deleted_at_m = 1 WHERE id = {keyspace}",
    "key": "UPDATE `keys` SET deleted_at_m = 1 WHERE id = {key}",
    "identity": "UPDATE identities SET deleted = 2 WHERE id = {identity}",
    "home_api": "UPDATE apis SET deleted_at_m = 1 WHERE id = {home_api}",
    "home_keyspace": "UPDATE key_auth SET deleted_at_m = 1 WHERE id = {home_keyspace}",
    "root_key": "UPDATE `keys` SET deleted_at_m = 1 WHERE id = {root_key}",
}
"""How each thing is marked deleted. The mark of identities is a number, and the older one has the 1."""


def rows_of(world: World) -> list[str]:
    """Return the statements that make its rows."""
    return [
        *_tenants(world),
        *_keys(world),
        *_identities(world),
        *_grants(world.link_pk, world.key, world.permission, world.role, world.workspace),
        *_grants(world.root_link_pk, world.root_key, world.root_permission, world.root_role, world.home),
        *_named(world.permission, world.role, world.workspace, world.slug, world),
        *_named(world.root_permission, world.root_role, world.home, world.root_slug, world),
    ]


def insert(table: str, **columns: object) -> str:
    """Return an INSERT of one row."""
    names = ", ".join(f"`{name}`" for name in columns)
    return f"INSERT INTO `{table}` ({names}) VALUES ({', '.join(map(sql_literal, columns.values()))})"


def _tenants(world: World) -> list[str]:
    spaces = [
        (world.workspace, world.org, world.api, world.api_name, world.keyspace),
        (world.home, world.home, world.home_api, world.home_api, world.home_keyspace),
    ]
    statements: list[str] = []
    for workspace, org, api, name, keyspace in spaces:
        empty = {"beta_features": "{}", "subscriptions": "{}"}
        own = {"workspace_id": workspace, "project_id": f"p{workspace}"}
        statements += [
            insert("workspaces", id=workspace, org_id=org, name=workspace, slug=workspace, **empty),
            insert("key_auth", id=keyspace, **own),
            insert("apis", id=api, name=name, key_auth_id=keyspace, **own),
            *(
                insert(
                    "projects", id=f"{slug[0]}{workspace}", workspace_id=workspace, name=slug, slug=slug, created_at=1
                )
                for slug in ("default", "other")
            ),
        ]
    of_limits = (
        "api_billable_operations_count_max_per_month logs_retention_days_max logs_audit_retention_days_max "
        "team_enabled cpu_cores_max cpu_cores_max_per_instance memory_mib_max memory_mib_max_per_instance "
        "storage_mib_max storage_mib_max_per_instance builds_concurrent_max custom_domains_max "
        "autoscaling_replicas_max"
    )
    return [*statements, insert("limits", workspace_id=world.workspace, **dict.fromkeys(of_limits.split(), 1))]


def _keys(world: World) -> list[str]:
    own = {"workspace_id": world.workspace}
    return [
        insert(
            "keys",
            id=world.key,
            hash=world.key_hash,
            start=world.key[:4],
            key_auth_id=world.keyspace,
            identity_id=world.identity,
            remaining_requests=10,
            pending_migration_id=world.migration,
            **own,
        ),
        insert(
            "keys",
            id=world.root_key,
            hash=world.root_hash,
            start=world.root_key[:4],
            key_auth_id=world.home_keyspace,
            workspace_id=world.home,
            for_workspace_id=world.workspace,
        ),
        insert("encrypted_keys", key_id=world.key, encrypted="e", encryption_key_id="v", **own),
        insert("key_migrations", id=world.migration, algorithm="sha256", **own),
        insert("key_rerolls", key_id=world.key, successor_id=world.successor, ends_at=1, created_at_m=1, **own),
        *(insert("key_credit_write_offs", key_id=world.key, epoch=epoch, written=3) for epoch in (1, 2)),
        insert("key_credit_write_offs", key_id=world.successor, epoch=0, written=3),
    ]


def _identities(world: World) -> list[str]:
    own = {"workspace_id": world.workspace}
    statements: list[str] = []
    for identity, deleted in ((world.identity, 0), (world.older_identity, 1)):
        about = {"external_id": world.external_id, "project_id": "p", "meta": "{}", "deleted": deleted, "created_at": 1}
        statements.append(insert("identities", id=identity, **about, **own))
    rate = {"limit": 1, "duration": 1_000, "created_at": 1}
    return [
        *statements,
        insert("ratelimits", id=world.key_limit, name=world.key_limit, key_id=world.key, **rate, **own),
        insert("ratelimits", id=world.identity_limit, name="a", identity_id=world.identity, **rate, **own),
        insert("ratelimits", id=world.older_limit, name="a", identity_id=world.older_identity, **rate, **own),
    ]


def _grants(pk: str, key: str, permission: str, role: str, workspace: str) -> list[str]:
    own = {"workspace_id": workspace, "created_at_m": 1}
    return [
        insert("keys_permissions", pk=pk, key_id=key, permission_id=permission, **own),
        insert("keys_roles", key_id=key, role_id=role, **own),
        insert("roles_permissions", role_id=role, permission_id=permission, **own),
    ]


def _named(permission: str, role: str, workspace: str, slug: str, world: World) -> list[str]:
    own = {"workspace_id": workspace, "project_id": "p"}
    names = {"name": world.permission_name, "description": world.permission_text}
    return [
        insert("permissions", id=permission, slug=slug, **names, **own),
        insert("permissions", id=f"a{permission}", slug=f"b{slug}", name="c", description="d", **own),
        insert("roles", id=role, name=world.role_name, description=world.role_text, **own),
        insert("roles", id=f"a{role}", name="c", description="d", **own),
    ]
