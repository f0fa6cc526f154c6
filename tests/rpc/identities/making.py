"""Requests and rows of the tests of identities."""

from __future__ import annotations

from typing import Any

from tests.support.asgi import Answer
from tests.support.stage import Stage

ALL = tuple(f"identity.*.{action}_identity" for action in ("create", "read", "update", "delete"))
CREATE, GET = "/v2/identities.createIdentity", "/v2/identities.getIdentity"
LIST, UPDATE = "/v2/identities.listIdentities", "/v2/identities.updateIdentity"
DELETE = "/v2/identities.deleteIdentity"
NOT_FOUND = "This identity does not exist."


def urn_of(answer: Answer) -> str:
    """The last part of the error's type."""
    return str(answer.json["error"]["type"]).rsplit("/", 1)[-1]


def a_limit(name: str, limit: int = 100, duration: int = 60_000, *, auto_apply: bool = True) -> dict[str, Any]:
    """A limit as requests carry it."""
    return {"name": name, "limit": limit, "duration": duration, "autoApply": auto_apply}


async def make_identity(stage: Stage, workspace: str, **columns: Any) -> str:
    """Insert an identity and return its id."""
    identity_id = stage.token("id")
    values: dict[str, Any] = {
        "id": identity_id,
        "external_id": stage.token("user"),
        "workspace_id": workspace,
        "project_id": "proj_x",
        "environment": "default",
        "meta": "{}",
        "created_at": 1,
    }
    await stage.insert("identities", **(values | columns))
    return identity_id


async def make_limit(stage: Stage, workspace: str, identity_id: str, name: str, **columns: Any) -> str:
    """Insert a limit of an identity and return its id."""
    ratelimit_id = stage.token("rl")
    values: dict[str, Any] = {
        "id": ratelimit_id,
        "workspace_id": workspace,
        "identity_id": identity_id,
        "name": name,
        "limit": 100,
        "duration": 60_000,
        "auto_apply": 1,
        "created_at": 1,
    }
    await stage.insert("ratelimits", **(values | columns))
    return ratelimit_id


async def limits_of(stage: Stage, identity_id: str) -> dict[str, tuple[Any, ...]]:
    """Return the stored limits of an identity by name."""
    rows = await stage.sql(
        "SELECT name, id, `limit`, duration, auto_apply, created_at, updated_at FROM ratelimits "
        f"WHERE identity_id = '{identity_id}'"
    )
    return {row[0]: row[1:] for row in rows}
