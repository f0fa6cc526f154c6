"""Rows of the tests of APIs."""

from __future__ import annotations

from typing import Any

from tests.support.asgi import Answer
from tests.support.stage import Stage

ALL = ("api.*.create_api", "api.*.read_api", "api.*.update_api", "api.*.delete_api")
NOT_FOUND = "The requested API does not exist or has been deleted."


def urn_of(answer: Answer) -> str:
    """The last part of the error's type."""
    return str(answer.json["error"]["type"]).rsplit("/", 1)[-1]


async def make_api(stage: Stage, workspace: str, *, keyspace: dict[str, Any] | None = None, **columns: Any) -> str:
    """Insert an API with its keyspace and return the API's id."""
    api_id, keyspace_id = stage.token("api"), stage.token("ks")
    owned: dict[str, Any] = {"workspace_id": workspace, "project_id": "proj_x", "created_at_m": 1}
    await stage.insert("key_auth", id=keyspace_id, **(owned | (keyspace or {})))
    values: dict[str, Any] = (
        {"id": api_id, "name": "an api", "auth_type": "key", "key_auth_id": keyspace_id} | owned | columns
    )
    await stage.insert("apis", **values)
    return api_id


async def keyspace_of(stage: Stage, api_id: str) -> str:
    """Return the keyspace of an API."""
    return str((await stage.sql(f"SELECT key_auth_id FROM apis WHERE id = '{api_id}'"))[0][0])


async def make_key(stage: Stage, workspace: str, keyspace_id: str, **columns: Any) -> str:
    """Insert a key and return its id."""
    key_id = stage.token("key")
    values: dict[str, Any] = {
        "id": key_id,
        "key_auth_id": keyspace_id,
        "hash": stage.token("hash"),
        "start": "sk_abc",
        "workspace_id": workspace,
        "created_at_m": 1_700_000_000_000,
    }
    await stage.insert("keys", **(values | columns))
    return key_id
