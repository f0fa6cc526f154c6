"""Requests and rows of the rate limit tests."""

from __future__ import annotations

from typing import Any

from tests.support.asgi import Answer
from tests.support.stage import Stage

ALL = ("ratelimit.*.limit", "ratelimit.*.create_namespace")
MANAGE = tuple(f"ratelimit.*.{action}" for action in ("set_override", "read_override", "delete_override", "limit"))
SET, GET = "/v2/ratelimit.setOverride", "/v2/ratelimit.getOverride"
LIST, DELETE = "/v2/ratelimit.listOverrides", "/v2/ratelimit.deleteOverride"
LIMIT = "/v2/ratelimit.limit"


def body(namespace: str, **changes: Any) -> dict[str, Any]:
    """A request that fits, apart from what the test changes."""
    return {"namespace": namespace, "identifier": "user_1", "limit": 100, "duration": 60_000} | changes


def urn_of(answer: Answer) -> str:
    """The last part of the error's type."""
    return str(answer.json["error"]["type"]).rsplit("/", 1)[-1]


async def make_namespace(stage: Stage, workspace: str, **columns: Any) -> str:
    """Insert a namespace and return its id, which serves as its name too unless one is given."""
    namespace_id = stage.token("rlns")
    values = {"id": namespace_id, "workspace_id": workspace, "project_id": "proj_x", "name": namespace_id} | columns
    await stage.insert("ratelimit_namespaces", **values)
    return namespace_id


async def make_override(stage: Stage, workspace: str, namespace_id: str, identifier: str, **columns: Any) -> str:
    """Insert an override of 200 per two minutes and return its id."""
    override_id = stage.token("rlor")
    values = {"id": override_id, "workspace_id": workspace, "namespace_id": namespace_id, "identifier": identifier}
    await stage.insert("ratelimit_overrides", **(values | {"limit": 200, "duration": 120_000} | columns))
    return override_id


def wanted(namespace: str, **changes: Any) -> dict[str, Any]:
    """An override to set, apart from what the test changes."""
    return {"namespace": namespace, "identifier": "user_1", "limit": 10, "duration": 60_000} | changes


def named(namespace: str, identifier: str = "user_1") -> dict[str, str]:
    """What names an override."""
    return {"namespace": namespace, "identifier": identifier}


async def stored_overrides(stage: Stage, namespace: str) -> list[tuple[Any, ...]]:
    """Return the overrides of a namespace, deleted ones too, in the order in which they were inserted."""
    return await stage.sql(
        "SELECT id, identifier, `limit`, duration, created_at_m, updated_at_m, deleted_at_m FROM ratelimit_overrides "
        f"WHERE namespace_id = '{namespace}' ORDER BY pk"
    )
