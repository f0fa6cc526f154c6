"""Rows of the tests of APIs."""

from __future__ import annotations

from typing import Any

from tests.support.asgi import Answer
from tests.support.stage import Stage

ALL = ("api.*.create_api", "api.*.read_api", "api.*.delete_api")
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
