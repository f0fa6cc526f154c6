"""Failures carry what is documented, and an operation answers no status that it does not document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.rpc.published.document import component_violations, statuses, violations
from tests.rpc.published.requests import REQUESTS
from tests.rpc.published.world import World, fresh, shown
from tests.support.asgi import Answer
from tests.support.harness import Harness
from tests.support.limits_row import limits_row

pytestmark = pytest.mark.integration
COMPONENTS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Gone",
    412: "PreconditionFailed",
    422: "UnprocessableEntity",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}
NOT_DOCUMENTED = {
    # SDKs are generated from the list of statuses, so it stays as it was published.
    "permissions.deleteRole": {404},
    "rootKeys.listKeys": {403},
    "rootKeys.createKey": {429},
    # It has expired, or was rerolled before.
    "keys.rerollKey": {412},
    "rootKeys.rerollKey": {412},
    # A recoverable key without a vault, or in a keyspace that keeps none.
    "keys.createKey": {412},
    "apis.listKeys": {412},
    # Analytics are not set up.
    "analytics.getVerifications": {412},
}
PAGE = Path(__file__).parents[3] / "docs" / "differences.md"


def check(name: str, answer: Answer, status: int) -> None:
    """Assert that an answer is this failure, as the operation documents it or, failing that, as all operations do."""
    assert answer.status == status, answer.body
    assert answer.json["error"]["status"] == status
    assert answer.json.keys() == {"meta", "error"}
    assert component_violations(COMPONENTS[status], answer) == []
    if status not in NOT_DOCUMENTED.get(name, ()):
        assert violations(name, answer) == []


def test_what_counts_as_undocumented_is() -> None:
    assert {name: found for name in NOT_DOCUMENTED if (found := NOT_DOCUMENTED[name] & statuses(name))} == {}


def test_what_is_undocumented_is_explained() -> None:
    told = re.findall(r"^\| `([\w.]+)` \| (\d{3}) \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(told) == sorted((name, str(status)) for name, found in NOT_DOCUMENTED.items() for status in found)


@pytest.mark.parametrize("name", REQUESTS)
async def test_broken_body_is_documented(world: World, name: str) -> None:
    answer = await world.post(name, '"neither an object nor a list"')
    check(name, answer, 400)
    assert answer.json["error"]["errors"]


@pytest.mark.parametrize("name", REQUESTS)
async def test_refused_credentials_are_documented(world: World, name: str) -> None:
    body = await REQUESTS[name](world)
    check(name, await world.post(name, body, "nobody"), 401)
    check(name, await world.post(name, body, await world.disabled()), 403)


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
@pytest.mark.parametrize("name", REQUESTS)
async def test_denial_is_documented(world: World, name: str, accept: str) -> None:
    """Denied, hidden, or nothing to show: whatever a caller without permissions gets is documented."""
    body = await REQUESTS[name](world)
    answer = await world.post(name, body, await world.powerless(), accept=accept)
    if answer.status == 200:
        assert name in {"keys.verifyKey", "rootKeys.listKeys"}
        assert violations(name, answer) == []
    else:
        check(name, answer, 404 if name in HIDDEN else 403)


HIDDEN = {"apis.listKeys", "keys.createKey", "keys.whoami", "ratelimit.getOverride"}
"""Answer as if there was nothing."""


@pytest.mark.parametrize("name", [name for name in REQUESTS if 404 in statuses(name) | NOT_DOCUMENTED.get(name, set())])
async def test_things_of_another_workspace_are_documented(world: World, name: str) -> None:
    """What belongs to somebody else does not exist for an administrator of another workspace."""
    body = await REQUESTS[name](world)
    answer = await world.post(name, body, await world.api.admin())
    if name in ANSWERED_ANYWAY:
        assert answer.status == 200, shown(answer.json)
        assert violations(name, answer) == []
    else:
        check(name, answer, 404)


ANSWERED_ANYWAY = {"keys.verifyKey", "permissions.listRoles", "ratelimit.limit", "ratelimit.multiLimit"}
"""A verdict, an empty list, and namespaces that come into being with their first use."""


async def test_conflicts_are_documented(world: World) -> None:
    identity, slug, role = await world.new_identity(), await world.new_permission(), await world.new_role()
    other_slug, other_role = await world.new_permission(), await world.new_role()
    for name, body in (
        ("identities.createIdentity", {"externalId": identity}),
        ("permissions.createPermission", {"name": "n", "slug": slug}),
        ("permissions.createRole", {"name": role}),
        ("permissions.updatePermission", {"permission": other_slug, "slug": slug}),
        ("permissions.updateRole", {"role": other_role, "name": role}),
    ):
        check(name, await world.post(name, body), 409)


async def test_deleted_namespace_is_documented(world: World) -> None:
    namespace = fresh("ns")
    await world.run(
        "INSERT INTO ratelimit_namespaces (id, workspace_id, project_id, name, deleted_at_m) "
        "VALUES (%(id)s, %(workspace)s, 'proj_x', %(id)s, 1)",
        id=namespace,
        workspace=world.admin.workspace_id,
    )
    one = {"namespace": namespace, "identifier": "user", "limit": 1, "duration": 1000}
    check("ratelimit.limit", await world.post("ratelimit.limit", one), 410)
    check("ratelimit.multiLimit", await world.post("ratelimit.multiLimit", [one]), 410)


async def test_unmet_preconditions_are_documented(api: Harness) -> None:
    world = World(api, await api.admin())
    api_id = await world.new_api()
    await world.run("UPDATE apis SET delete_protection = TRUE WHERE id = %(id)s", id=api_id)
    check("apis.deleteApi", await world.post("apis.deleteApi", {"apiId": api_id}), 412)
    recoverable = {"apiId": api_id, "recoverable": True}
    check("keys.createKey", await world.post("keys.createKey", recoverable), 412)
    asked = {"query": "SELECT 1 FROM ratelimits_v1"}
    check("analytics.getRatelimits", await world.post("analytics.getRatelimits", asked), 412)


@pytest.mark.parametrize("name", ["apis.createApi", "rootKeys.createKey"])
async def test_throttled_workspace_is_documented(world: World, name: str) -> None:
    body = await REQUESTS[name](world)
    row = limits_row(world.admin.workspace_id, requests_per_minute=0)
    into, values = ", ".join(row), ", ".join(f"%({column})s" for column in row)
    await world.run(f"INSERT INTO limits ({into}) VALUES ({values})", **row)
    check(name, await world.post(name, body), 429)


async def test_store_that_fails_is_documented(world: World) -> None:
    name = "permissions.listPermissions"
    assert (await world.post(name, {})).status == 200  # the root key is known from here on
    await world.run("RENAME TABLE permissions TO permissions_away")
    try:
        answer = await world.post(name, {})
    finally:
        await world.run("RENAME TABLE permissions_away TO permissions")
    check(name, answer, 500)
