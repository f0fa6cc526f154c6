"""A private ClickHouse endpoint for the test session, started on first use and gone with it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from unkey_api.dev.ports import free_ports
from unkey_api.dev.servers import ClickHouse, clickhouse
from unkey_api.infra.clickhouse.client import ClickHouseClient, open_clickhouse
from unkey_api.infra.clickhouse.migrate import migrate
from unkey_api.settings.addresses.clickhouse import ClickHouseAddress, parse_clickhouse_url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clickhouse_server() -> AsyncIterator[ClickHouse]:
    """The session's server. Tests use workspaces and tables of their own and leave it running."""
    with tempfile.TemporaryDirectory(prefix="unkey-clickhouse-") as folder:
        async with clickhouse(Path(folder), free_ports(1)[0]) as server:
            yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clickhouse_address(clickhouse_server: ClickHouse) -> ClickHouseAddress:
    """How to reach the session's server."""
    return parse_clickhouse_url(clickhouse_server.url)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clickhouse_client(clickhouse_address: ClickHouseAddress) -> AsyncIterator[ClickHouseClient]:
    """A client of the session's server, all tables and views in place."""
    async with open_clickhouse(clickhouse_address) as client:
        await migrate(client)
        yield client
