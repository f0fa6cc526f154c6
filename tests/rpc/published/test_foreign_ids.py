"""Whatever names something of another workspace is answered as if it named nothing, by every operation.

For every operation, and every name in a request of it, the name is replaced by the one that stands there in the request
of another workspace, and then by one of the same form that nobody has. Status and body must be the same, and the other
workspace must be as it was. The requests are those of every published operation, so a new one is in here at once.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import secrets
import string
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rpc.published.requests import REQUESTS, Body
from tests.rpc.published.world import World
from tests.support.asgi import Answer
from tests.support.asking import Asking
from tests.support.mysql import run_sql
from unkey_api.infra.mysql import Dsn

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

Place = tuple[str | int, ...]
TOLD = {
    ("keys.migrateKeys", "hash"): "hashes are unique over all workspaces, so an import cannot hide that one is taken",
}
"""Operation and member where the answers differ, and why that is so."""
WRITTEN_BEHIND = {"ratelimit_global_counters"}
"""Tables in which what the workspace's own calls counted arrives later."""
MADE = re.compile(r"[A-Za-z0-9]+_[A-Za-z0-9_]{6,}|\b1[0-9]{12}\b|[0-9a-f]{40,}|[A-Za-z0-9+/]{40,}=*")
"""Ids, secrets and times that a request makes; two requests never make the same."""
ALPHABETS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)


@pytest.fixture
async def own(asking: Asking) -> World:
    return World(asking.api, await asking.api.admin(), asking)


@pytest.fixture
async def other(asking: Asking) -> World:
    return World(asking.api, await asking.api.admin(), asking)


@pytest.mark.parametrize("name", REQUESTS)
async def test_foreign_is_answered_like_absent(name: str, own: World, other: World, mysql_dsn: Dsn) -> None:
    theirs = await _with_cursor(name, other, await REQUESTS[name](other))
    if name.partition(".")[2] == "migrateKeys":
        await other.post(name, theirs)  # its hashes name something once they are imported
    request = await _with_cursor(name, own, await REQUESTS[name](own))
    ours = dict(_texts(request))
    before = await _rows(mysql_dsn, other)
    for place, foreign in _texts(theirs):
        if ours[place] == foreign:
            continue  # a word, not a name
        texts = (foreign, _of_the_same_form(foreign, near=place[-1] == "cursor"))
        # What only reads is asked twice for the same things; anything else needs fresh things to change.
        requests = [request if ".list" in name else await REQUESTS[name](own) for _ in texts]
        answers = [await _answered(name, own, body, place, text) for body, text in zip(requests, texts, strict=True)]
        if (name, place[-1]) in TOLD:
            assert answers[0] != answers[1], "no longer told: take it off the list"
        else:
            assert answers[0] == answers[1], (name, place, foreign)
    assert await _rows(mysql_dsn, other) == before


async def _answered(name: str, own: World, request: Body, place: Place, text: str) -> tuple[int, str]:
    """Return what becomes of an own request that has the text in that place."""
    holder: Any = (body := copy.deepcopy(request))
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = text
    return _comparable(await own.post(name, body), text)


async def _with_cursor(name: str, world: World, body: Body) -> Body:
    """Return the request for the second page, where there are pages."""
    if ".list" not in name or not isinstance(body, dict):
        return body
    first = await world.post(name, body)
    return {**body, "cursor": first.json["pagination"]["cursor"]}


def _texts(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Yield every text in a request; free metadata names nothing."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, member in value.items():
            if key != "meta":
                yield from _texts(member, (*place, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _texts(member, (*place, index))


def _of_the_same_form(text: str, *, near: bool) -> str:
    """Return a text that differs in letters and digits behind the prefix, and not in their kinds.

    In the last one only if it has to stand at the same place in an order.
    """
    cut = len(text) - 1 if near else text.rfind("_") + 1
    return text[:cut] + "".join(_another(character) for character in text[cut:])


def _another(character: str) -> str:
    alphabet = next((each for each in ALPHABETS if character in each), "")
    return secrets.choice(alphabet.replace(character, "")) if alphabet else character


def _comparable(answer: Answer, given: str) -> tuple[int, str]:
    shown = {key: value for key, value in answer.json.items() if key != "meta"}
    return answer.status, _canonical(shown, given)


def _canonical(value: Any, given: str) -> str:
    """Return JSON text with sorted members and elements, without what differs from request to request."""
    if isinstance(value, dict):
        return "{" + ", ".join(sorted(f"{key}: {_canonical(member, given)}" for key, member in value.items())) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(sorted(_canonical(member, given) for member in value)) + "]"
    return MADE.sub("<made>", json.dumps(value).replace(given, "<given>"))


async def _rows(dsn: Dsn, world: World) -> dict[str, str]:
    """Return a digest of everything stored for a workspace, by table."""
    owned = await run_sql(
        dsn,
        "SELECT table_name, GROUP_CONCAT(column_name) FROM information_schema.columns WHERE table_schema = DATABASE()"
        " AND column_name IN ('workspace_id', 'for_workspace_id') GROUP BY table_name",
    )
    digests = {}
    for table, columns in owned:
        condition = " OR ".join(f"{column} = '{world.admin.workspace_id}'" for column in str(columns).split(","))
        rows = sorted(map(repr, await run_sql(dsn, f"SELECT * FROM `{table}` WHERE {condition}")))
        if str(table) in WRITTEN_BEHIND:
            continue
        digests[str(table)] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    assert len(digests) > 20
    return digests
