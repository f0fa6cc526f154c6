"""What each statement is asked, and how many rows that makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ASKED", "Asked"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One way to ask a statement."""

    statement: str
    names: Mapping[str, str | tuple[str, ...]]
    """Parameters that name something: which field of the world, or a tuple of fields for a list."""
    given: Mapping[str, object] = field(default_factory=dict)
    """Parameters that are the same for everybody."""
    rows: int = 1
    """How many are found or changed when all names are of one workspace."""
    live: tuple[str, ...] = ()
    """What has to be live for that; nothing is found when one of it was deleted."""
    shown: tuple[str, ...] = ()
    """What has a part in the answer while it is live: the answer is another one when it was deleted."""
    answer: tuple[object, ...] | None = None
    """The one row, where more than its being there matters."""
    foreign: int | None = 0
    """How many when one of the names is of the other workspace: more than 0 where the statement has no other way to
    tell, None where it says nothing."""
    first: str = ""
    """A statement to run before, with the fields of the world in braces."""


WORKSPACE = {"workspace_id": "workspace"}
KEY = {"key_id": "key", **WORKSPACE}
FOR_WORKSPACE = {"id": "root_key", "for_workspace_id": "workspace"}
NOBODY = ("",)
PAGE: dict[str, object] = {"limit": 100}
ALL: dict[str, object] = {"cursor": "", "pattern": None, **PAGE}
FOREIGN_LINK = (
    "INSERT INTO roles_permissions (role_id, permission_id, workspace_id, created_at_m)"
    " VALUES ({role}, {root_permission}, {workspace}, 1)"
)
HIDDEN = ("key", "api", "keyspace", "workspace")

AUTH = [
    Asked("caller_key_lock", FOR_WORKSPACE),
    Asked("caller_workspace_lock", {"id": "workspace"}, live=("workspace",), foreign=1),
    Asked("limits_find_by_workspace", WORKSPACE, foreign=1),
    Asked("workspace_find_by_org_id", {"org_id": "org"}, live=("workspace",), foreign=1),
]

IDENTITIES = [
    Asked("identity_delete_older", {"external_id": "external_id", **WORKSPACE}, rows=2),
    Asked("identity_find_by_external_id_locked", {"external_id": "external_id", **WORKSPACE}, live=("identity",)),
    Asked("identity_find_by_key", {"key": "identity", **WORKSPACE}, live=("identity",)),
    Asked("identity_find_by_key", {"key": "external_id", **WORKSPACE}, live=("identity",)),
    Asked("identity_find_by_key", {"key": "older_identity", **WORKSPACE}, rows=0),
    Asked("identity_find_locked", {"id": "identity", **WORKSPACE}),
    Asked("identity_list", WORKSPACE, ALL, live=("identity",), foreign=1),
    Asked("identity_list", {"cursor": "identity", **WORKSPACE}, {"pattern": None, **PAGE}, foreign=None),
    Asked("identity_list", {"pattern": "identity", **WORKSPACE}, {"cursor": "", **PAGE}),
    Asked("identity_list", {"pattern": "external_id", **WORKSPACE}, {"cursor": "", **PAGE}),
    Asked("identity_list", WORKSPACE, {**ALL, "cursor": "zz"}, rows=0),
    Asked("identity_list_by_external_ids_locked", {"external_ids": ("external_id",), **WORKSPACE}, live=("identity",)),
    Asked(
        "identity_mark_deleted",
        {"id": "identity", **WORKSPACE},
        first="DELETE FROM identities WHERE id = {older_identity}",
    ),
    Asked("identity_ratelimit_delete", {"ids": ("identity_limit",), "identity_id": "identity", **WORKSPACE}),
    Asked("identity_ratelimit_list", {"ids": ("identity",), **WORKSPACE}),
    Asked(
        "identity_ratelimit_update",
        {"id": "identity_limit", "identity_id": "identity", **WORKSPACE},
        {"limit": 2, "duration": 3, "auto_apply": True, "now": 4},
    ),
    Asked("identity_update_meta", {"id": "identity", **WORKSPACE}, {"meta": "[]", "now": 5}),
]

PERMISSIONS = [
    Asked("key_permission_delete_by_pks", {"pks": ("link_pk",), **WORKSPACE}),
    Asked("key_permission_list_by_permission", {"permission_id": "permission", **WORKSPACE}),
    Asked("key_role_delete_by_role", {"role_id": "role", **WORKSPACE}),
    Asked("permission_delete", {"id": "permission", **WORKSPACE}),
    Asked("permission_find_by_key", {"key": "permission", **WORKSPACE}),
    Asked("permission_find_by_key", {"key": "slug", **WORKSPACE}),
    Asked("permission_find_locked", {"id": "permission", **WORKSPACE}),
    Asked("permission_list", WORKSPACE, ALL, rows=2, foreign=2),
    Asked("permission_list", {"cursor": "permission", **WORKSPACE}, {"pattern": None, **PAGE}, foreign=None),
    *(
        Asked("permission_list", {"pattern": name, **WORKSPACE}, {"cursor": "", **PAGE})
        for name in ("permission", "slug", "permission_name", "permission_text")
    ),
    Asked("permission_list_by_slugs", {"slugs": ("slug",), **WORKSPACE}),
    Asked("permission_list_by_slugs_locked", {"slugs": ("slug",), **WORKSPACE}),
    Asked("permission_list_held", {"ids": ("permission",), **WORKSPACE}),
    Asked(
        "permission_update",
        {"id": "permission", **WORKSPACE},
        {"name": "n", "slug": "s", "description": None, "now": 6},
    ),
    Asked("role_delete", {"id": "role", **WORKSPACE}),
    Asked("role_find_by_key", {"key": "role", **WORKSPACE}),
    Asked("role_find_by_key", {"key": "role_name", **WORKSPACE}),
    Asked("role_find_locked", {"id": "role", **WORKSPACE}),
    Asked("role_list", WORKSPACE, ALL, rows=2, foreign=2),
    Asked("role_list", {"cursor": "role", **WORKSPACE}, {"pattern": None, **PAGE}, foreign=None),
    *(
        Asked("role_list", {"pattern": name, **WORKSPACE}, {"cursor": "", **PAGE})
        for name in ("role", "role_name", "role_text")
    ),
    Asked("role_list_by_names", {"names": ("role_name",), **WORKSPACE}),
    Asked("role_list_by_names_locked", {"names": ("role_name",), **WORKSPACE}),
    Asked("role_list_by_names_with_permissions", {"names": ("role_name",), **WORKSPACE}),
    Asked("role_list_held", {"ids": ("role",), **WORKSPACE}),
    Asked("role_permission_delete", {"role_id": "role", "permission_ids": ("permission",), **WORKSPACE}),
    Asked("role_permission_delete_by_permission", {"permission_id": "permission", **WORKSPACE}),
    Asked("role_permission_delete_by_role", {"role_id": "role", **WORKSPACE}),
    Asked("role_permission_list", {"role_ids": ("role",), **WORKSPACE}),
    Asked("role_permission_list", {"role_ids": ("role",), **WORKSPACE}, first=FOREIGN_LINK),
    Asked("role_update", {"id": "role", **WORKSPACE}, {"name": "n", "description": None, "now": 7}),
]

ROOT_KEYS = [
    Asked(
        "keyspace_exists",
        {"key_auth_id": "home_keyspace", "workspace_id": "home"},
        live=("home_api", "home_keyspace"),
    ),
    Asked("root_key_find_any_in_workspace", {"workspace_id": "home"}, live=("root_key",), foreign=1),
    Asked("root_key_find_any_in_workspace", WORKSPACE, rows=0),
    Asked("root_key_list_by_ids", {"ids": ("root_key",), "for_workspace_id": "workspace"}, live=("root_key",)),
    Asked(
        "root_key_list_ids", {"for_workspace_id": "workspace"}, {"first": "", "count": 9}, live=("root_key",), foreign=1
    ),
    Asked("root_key_list_ids", {"for_workspace_id": "workspace", "first": "root_key"}, {"count": 9}, foreign=None),
    Asked("root_key_list_ids", {"for_workspace_id": "workspace"}, {"first": "zz", "count": 9}, rows=0),
    Asked("root_key_lock", FOR_WORKSPACE, live=("root_key",)),
    Asked(
        "root_key_permission_delete",
        {"key_id": "root_key", "workspace_id": "home", "permission_ids": ("root_permission",)},
    ),
    Asked("root_key_permission_list", {"key_ids": ("root_key",)}, rows=2, foreign=2),
    Asked("root_key_role_delete", {"key_id": "root_key", "workspace_id": "home"}),
    Asked("root_key_update_deleted", FOR_WORKSPACE, {"deleted_at_m": 8}, live=("root_key",)),
    Asked(
        "root_key_update_fields",
        FOR_WORKSPACE,
        {"name": "n", "enabled": True, "expires": None, "now": 9},
        live=("root_key",),
    ),
]

LETTERS = "abcdef"
FIELDS: dict[str, object] = {
    **dict.fromkeys(("name", "identity_id", "meta", "expires", "remaining", "refill_day", "refill_amount")),
    **{f"set_{name}": False for name in ("name", "identity_id", "meta", "expires", "enabled", "remaining", "refill")},
    "enabled": True,
    "now": 10,
}

KEYS = [
    Asked("api_hold_live", {"id": "api", **WORKSPACE}, live=("api",)),
    Asked("encrypted_key_delete", KEY),
    Asked("issuing_api_find", {"id": "api"}, {"project_slug": "default"}, foreign=1),
    Asked("key_credit_write_off_delete_before", {"key_id": "key"}, {"epoch": 2}, foreign=1),
    Asked("key_delete", {"id": "key", **WORKSPACE}, live=("key",)),
    Asked("key_details_find", {"id": "key", **WORKSPACE}, shown=("identity",)),
    Asked("key_find_id_by_hash", {"hash": "key_hash", **WORKSPACE}, live=("key",)),
    Asked("key_get_balance", {"key_id": "key"}, {"epoch": 2}, answer=(10, 3, 1), foreign=1),
    Asked("key_get_balance", {"key_id": "key"}, {"epoch": 1}, answer=(10, 3, 0), foreign=1),
    Asked("key_list_taken_hashes", {"hashes": ("key_hash",)}, foreign=1),
    Asked("key_lock", {"id": "key", **WORKSPACE}, live=("key",)),
    Asked("key_migration_find", {"id": "migration", **WORKSPACE}),
    Asked("key_migration_lock", {"id": "migration", **WORKSPACE}),
    Asked("key_permission_copy", KEY, {"new_key_id": "copy", "now": 11}),
    Asked("key_permission_delete_except", KEY, {"permission_ids": NOBODY}),
    Asked("key_permission_delete_except", {**KEY, "permission_ids": ("permission",)}, rows=0, foreign=None),
    Asked("key_permission_delete_listed", {**KEY, "permission_ids": ("permission",)}),
    Asked("key_permission_list", KEY),
    Asked("key_reroll_delete", KEY),
    Asked("key_reroll_find", KEY),
    Asked("key_role_copy", KEY, {"new_key_id": "copy", "now": 11}),
    Asked("key_role_delete", {**KEY, "role_ids": ("role",)}),
    Asked("key_role_delete_except", KEY, {"role_ids": NOBODY}),
    Asked("key_role_delete_except", {**KEY, "role_ids": ("role",)}, rows=0, foreign=None),
    Asked("key_role_list", KEY),
    Asked("key_update_credits", {"id": "key", **WORKSPACE}, {"remaining": 4, "drop_refill": False}),
    Asked("key_update_deleted", {"id": "key", **WORKSPACE}, {"now": 12}, live=("key",)),
    Asked("key_update_expires", {"id": "key", **WORKSPACE}, {"expires": None, "now": 13}),
    Asked("key_update_fields", {"id": "key", **WORKSPACE}, FIELDS, live=("key",)),
    Asked("key_update_remaining_decrement", {"key_id": "key"}, {"amount": 10}, foreign=1),
    Asked("key_update_remaining_decrement", {"key_id": "key"}, {"amount": 11}, rows=0),
    Asked(
        "key_update_remaining_write_off",
        {"key_id": "key"},
        {"epoch": 2, "written": 3, "granted": 5, "amount": 2},
        rows=2,
        foreign=2,
    ),
    *(
        Asked("key_update_remaining_write_off", {"key_id": "key"}, {"granted": 5, "amount": 2, **other}, rows=0)
        for other in ({"epoch": 3, "written": 3}, {"epoch": 2, "written": 4})
    ),
    Asked("live_key_find_by_id", {"id": "key", **WORKSPACE}, live=HIDDEN),
    Asked("live_key_find_by_id", {"id": "root_key", "workspace_id": "home"}, rows=0),
    Asked("ratelimit_delete_except_names", KEY, {"names": NOBODY}),
    Asked("ratelimit_delete_except_names", {**KEY, "names": ("key_limit",)}, rows=0, foreign=None),
    Asked("ratelimit_list_of_key", KEY),
    Asked(
        "pending_key_find_by_hashes", {"hashes": ("key_hash",), "migration_id": "migration", **WORKSPACE}, live=("key",)
    ),
    *(
        Asked(
            "pending_key_list_by_lookups",
            {letter: "key_hash", "migration_id": "migration", **WORKSPACE},
            {**dict.fromkeys(set(LETTERS) - {letter}, ""), "count": 9},
            live=("key",),
        )
        for letter in LETTERS
    ),
]

TRANSFER = [
    Asked("transfer_api_list", WORKSPACE, live=("api", "keyspace"), foreign=1),
    Asked("transfer_key_find_settled", {"id": "key"}, foreign=1),
    *(
        Asked(
            "transfer_key_list",
            {"keyspace_id": "keyspace", **WORKSPACE, **names},
            {"count": 9, **given},
            live=("key",),
            shown=("identity",),
        )
        for names, given in (
            ({}, {"after": "", "migration_id": ""}),
            ({"migration_id": "migration"}, {"after": ""}),
        )
    ),
    Asked(
        "transfer_key_list",
        {"keyspace_id": "keyspace", "after": "key", **WORKSPACE},
        {"count": 9, "migration_id": ""},
        rows=0,
        foreign=None,
    ),
    Asked(
        "transfer_key_list",
        {"keyspace_id": "home_keyspace", "workspace_id": "home"},
        {"count": 9, "after": "", "migration_id": ""},
        rows=0,
    ),
    Asked("transfer_key_list_taken_ids", {"ids": ("key",)}, foreign=1),
    Asked("transfer_workspace_find", {"id": "workspace"}, live=("workspace",), foreign=1),
    Asked(
        "key_update_migrated",
        {"id": "key", "migration_id": "migration", **WORKSPACE},
        {"hash": "h", "start": "s", "now": 14},
    ),
    Asked("verifiable_key_find_by_hash", {"hash": "key_hash"}, live=("key",), shown=("identity",), foreign=1),
    Asked("verifiable_key_find_by_hash", {"hash": "root_hash"}, live=("root_key",), shown=("workspace",), foreign=1),
]

ASKED = [*AUTH, *IDENTITIES, *PERMISSIONS, *ROOT_KEYS, *KEYS, *TRANSFER]
