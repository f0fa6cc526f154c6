"""Every operation, called as the official client calls it, and its answer accepted by the client's own models."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from tests.e2e.unkey_py import key_operations, other_operations
from tests.e2e.unkey_py.world import World, built, client_of
from tests.support.harness import Caller
from tests.support.served import Served
from unkey_api.openapi_document import read_document

pytestmark = pytest.mark.e2e

TABLE = key_operations.OPERATIONS | other_operations.OPERATIONS
UNKNOWN_TO_THE_CLIENT = {"liveness"}


@pytest.mark.parametrize("operation", TABLE.values(), ids=TABLE.keys())
def test_success(operation: Callable[[World], None], served: Served, admin: Caller) -> None:
    with client_of(admin.root_key, served.base) as client, built():
        operation(World(client, admin.workspace_id))


def test_the_table_has_every_published_operation() -> None:
    paths = yaml.load(read_document().yaml, Loader=yaml.CSafeLoader)["paths"]
    published = {path.removeprefix("/v2/") for path in paths} - UNKNOWN_TO_THE_CLIENT
    assert {name.partition(" ")[0] for name in TABLE} == published - NOT_IN_THE_TABLE_YET


NOT_IN_THE_TABLE_YET = {"keys.migrateKeys"}
"""Needs a migration that only the database knows."""


async def test_the_asynchronous_twin_of_an_operation(served: Served, admin: Caller) -> None:
    async with client_of(admin.root_key, served.base) as client:
        made = await client.apis.create_api_async(name="async")
        found = await client.apis.get_api_async(api_id=made.data.api_id)
        assert found.data.name == "async"
