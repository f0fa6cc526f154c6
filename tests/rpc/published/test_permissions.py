"""Every published operation takes its tuple or its URN, and nothing else; the tables and the documents say which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.rpc.published.document import permissions_of
from tests.rpc.published.requests import REQUESTS
from tests.rpc.published.world import World, shown
from tests.support.asgi import Answer
from tools.operations import published_operations
from unkey_api.container.areas import REQUIREMENTS
from unkey_api.core.needs import WORKSPACE
from unkey_api.core.permission_vocabulary import mistake_in
from unkey_api.infra.mysql import Query

pytestmark = pytest.mark.integration
ALONE_URN = {name for name in REQUIREMENTS if name.startswith("rootKeys.")}
"""Operations without a tuple form."""
HELD_BY_THE_TARGET = "rootKeys/*#read"
"""What root keys that are made here may do; who makes or rerolls one has to hold it."""


@dataclass(frozen=True, slots=True)
class Id:
    """A row."""

    id: str


def urns(name: str, workspace_id: str) -> set[str]:
    """The URN form of everything the operation needs, on all resources."""
    return _forms(name, lambda text: text.startswith("unkey:"), workspace_id)


def tuples(name: str, workspace_id: str) -> set[str]:
    """The tuple form of everything the operation needs, on all resources."""
    return _forms(name, lambda text: not text.startswith("unkey:") and "<" not in text, workspace_id)


def _forms(name: str, fits: Callable[[str], bool], workspace_id: str) -> set[str]:
    found: set[str] = set()
    for need in REQUIREMENTS[name]:
        texts = next(each for each in (p.split(" and ") for p in need.permissions()) if all(map(fits, each)))
        found.update(_filled(text, workspace_id) for text in texts)
    return found


def _filled(text: str, workspace_id: str) -> str:
    placed = text.replace(WORKSPACE, workspace_id)
    while "<" in placed:
        head, _, rest = placed.partition("<")
        placed = head + "*" + rest.partition(">")[2]
    return placed


def leaves(name: str, workspace_id: str) -> set[str]:
    """Everything named by what the operation always needs."""
    first = REQUIREMENTS[name][0]
    return {_filled(text, workspace_id) for each in first.permissions() for text in each.split(" and ")}


async def call(world: World, name: str, permissions: set[str]) -> tuple[object, Answer]:
    """Call the operation with a root key that holds exactly these."""
    body = await REQUESTS[name](world)
    caller = await world.api.caller(*permissions, workspace_id=world.admin.workspace_id)
    return body, await world.post(name, body, caller)


def refused(name: str, answer: Answer) -> bool:
    """Whether the caller got nothing: some operations hide what may not be seen instead of saying so."""
    if name == "keys.verifyKey":
        return bool(answer.json["data"] == {"valid": False, "code": "NOT_FOUND"})
    if name == "rootKeys.listKeys":
        return bool(answer.json["data"] == [])
    return answer.status in (403, 404)


def test_every_operation_with_a_credential_is_in_a_table() -> None:
    published = {
        each.http_path.removeprefix("/v2/") for each in published_operations() if each.built and each.http_path
    }
    assert REQUIREMENTS.keys() == published - {"liveness"}


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_document_names_what_is_always_needed(name: str) -> None:
    assert permissions_of(name) == REQUIREMENTS[name][0].permissions()


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_what_is_needed_can_be_granted(name: str) -> None:
    every = urns(name, "ws_1") | leaves(name, "ws_1") | (set() if name in ALONE_URN else tuples(name, "ws_1"))
    assert {text: mistake_in(text, "ws_1") for text in every} == dict.fromkeys(every)


@pytest.mark.parametrize("name", [name for name in REQUIREMENTS if name not in ALONE_URN])
async def test_exactly_the_tuple_is_enough(world: World, name: str) -> None:
    body, answer = await call(world, name, tuples(name, world.admin.workspace_id))
    assert answer.status == 200, (shown(body), answer.body)
    assert not refused(name, answer)


@pytest.mark.parametrize("name", REQUIREMENTS)
async def test_exactly_the_urn_is_enough(world: World, name: str) -> None:
    needed = urns(name, world.admin.workspace_id)
    if name in ("rootKeys.createKey", "rootKeys.rerollKey"):
        needed.add(f"unkey:v1:{world.admin.workspace_id}:{HELD_BY_THE_TARGET}")
    body, answer = await call(world, name, needed)
    assert answer.status == 200, (shown(body), answer.body)
    assert not refused(name, answer)


@pytest.mark.parametrize("name", REQUIREMENTS)
async def test_urn_from_create_key_reaches_it(world: World, name: str) -> None:
    """A least-privilege key for any operation can be made through the API itself."""
    workspace_id = world.admin.workspace_id
    needed = urns(name, workspace_id) | {f"unkey:v1:{workspace_id}:{HELD_BY_THE_TARGET}"}
    made = await world.made("rootKeys.createKey", {"permissions": sorted(needed)})
    body = await REQUESTS[name](world)
    answer = await world.post(name, body, made["key"])
    assert answer.status == 200, (shown(body), answer.body)
    assert not refused(name, answer)


ONE = {
    "apis.getApi": ("keyspaces/{}#read_keyspace", "key_auth"),
    "apis.deleteApi": ("keyspaces/{}#delete_keyspace", "key_auth"),
    "keys.migrateKeys": ("keyspaces/{}#create_key", "key_auth"),
    "permissions.getPermission": ("rbac/permissions/{}#read_permission", "permissions"),
    "permissions.deletePermission": ("rbac/permissions/{}#delete_permission", "permissions"),
    "permissions.getRole": ("rbac/roles/{}#read_role", "roles"),
    "permissions.deleteRole": ("rbac/roles/{}#delete_role", "roles"),
    "ratelimit.limit": ("ratelimits/namespaces/{}#limit", "ratelimit_namespaces"),
    "ratelimit.deleteOverride": ("ratelimits/namespaces/*/overrides/{}#delete_override", "ratelimit_overrides"),
}
"""Operations that judge before they look, with the URN of one resource and the table it is in."""


@pytest.mark.parametrize("name", ONE)
async def test_urn_of_one_resource_reaches_that_one_only(world: World, name: str) -> None:
    """Of two of a kind the caller may reach the newer one; the other one is as absent as one that never was."""
    path, table = ONE[name]
    other, body = await REQUESTS[name](world), await REQUESTS[name](world)
    newest = Query("test_newest", f"SELECT id FROM `{table}` WHERE workspace_id = %(ws)s ORDER BY pk DESC LIMIT 1", Id)
    found = await world.api.database.primary.fetch_one(newest, {"ws": world.admin.workspace_id})
    assert found is not None
    workspace_id = world.admin.workspace_id
    caller = await world.api.caller(f"unkey:v1:{workspace_id}:{path.format(found.id)}", workspace_id=workspace_id)
    absent = dict.fromkeys(("apiId", "permission", "role", "namespace", "identifier"), "absent_12345")
    denied = await world.post(name, other, caller)
    assert isinstance(other, dict)
    unknown = await world.post(name, {**other, **{key: absent[key] for key in absent if key in other}}, caller)
    assert denied.status == 403, denied.body
    assert unknown.status in (403, 404), unknown.body
    answer = await world.post(name, body, caller)
    assert answer.status == 200, (shown(body), answer.body)


@pytest.mark.parametrize("name", REQUIREMENTS)
async def test_everything_is_enough(world: World, name: str) -> None:
    body, answer = await call(world, name, {f"unkey:v1:{world.admin.workspace_id}:**#*"})
    assert answer.status == 200, (shown(body), answer.body)
    assert not refused(name, answer)


@pytest.mark.parametrize("name", REQUIREMENTS)
async def test_everything_else_is_not_enough(world: World, name: str) -> None:
    workspace_id = world.admin.workspace_id
    others = {text for other in REQUIREMENTS for text in urns(other, workspace_id)}
    others |= {text for other in REQUIREMENTS.keys() - ALONE_URN for text in tuples(other, workspace_id)}
    body, answer = await call(world, name, others - leaves(name, workspace_id))
    assert refused(name, answer), (shown(body), answer.body)


@pytest.mark.parametrize("name", REQUIREMENTS)
async def test_urns_of_another_workspace_are_not_enough(world: World, name: str) -> None:
    body, answer = await call(world, name, {"unkey:v1:ws_other:**#*", *urns(name, "ws_other")})
    assert refused(name, answer), (shown(body), answer.body)
