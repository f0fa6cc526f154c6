"""Cancelled ClickHouse queries never leave their answer to somebody else on a kept connection."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.support.proxy import proxy_to
from tests.support.storm import Storm, StormPlan, tell_connections
from tests.support.waiting import eventually
from unkey_api.infra.clickhouse.client import ClickHouseClient, ClickHousePolicy, open_clickhouse
from unkey_api.settings.addresses.clickhouse import ClickHouseAddress, parse_clickhouse_url

pytestmark = pytest.mark.integration

AT_ONCE = 12
CONNECTIONS = 4


class Asker:
    """Has the server repeat numbers, in answers of one line and of many."""

    def __init__(self, client: ClickHouseClient, draw: random.Random) -> None:
        self._client = client
        self._draw = draw

    async def ask(self, nonce: int) -> set[object]:
        lines = self._draw.choice([1, 1, 1_000])
        rows = await self._client.fetch(f"SELECT {nonce} AS nonce FROM numbers({lines})")
        assert len(rows) == lines
        return {row["nonce"] for row in rows}


async def test_every_answer_carries_its_own_nonce(clickhouse_address: ClickHouseAddress) -> None:
    """Connections are counted in a proxy, since the server keeps no list of them."""
    host, _, port = clickhouse_address.urls[0].removeprefix("http://").rstrip("/").partition(":")
    async with proxy_to(host, int(port)) as proxy:
        address = parse_clickhouse_url(f"http://127.0.0.1:{proxy.port}")
        async with open_clickhouse(address, policy=ClickHousePolicy(connections=CONNECTIONS)) as client:
            storm = Storm(StormPlan.share(0.03), seed=3, at_once=AT_ONCE, longest_seconds=0.03)
            asker = Asker(client, storm.random)
            await storm.rage(asker.ask, expect=lambda nonce: {nonce})
            storm.verify()
            await eventually(lambda: proxy.open_links <= CONNECTIONS)
            tell_connections("ClickHouse", proxy.open_links)
            after = await asyncio.gather(*(asker.ask(nonce) for nonce in range(20)))
            assert after == [{nonce} for nonce in range(20)]
        await eventually(lambda: proxy.open_links == 0)
