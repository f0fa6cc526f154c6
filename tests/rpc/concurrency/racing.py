"""Rounds of callers that start together."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.asgi import Answer
from tests.support.harness import Caller, Harness
from tests.support.mysql import run_sql
from unkey_api.infra.mysql import Dsn

ROUNDS = int(os.environ.get("UNKEY_RACE_ROUNDS", "200"))
"""Of each race; 200 take well under a minute for all of them."""

Call = tuple[str, Mapping[str, object]]
"""An operation, as `keys.createKey`, and its body."""


@dataclass(frozen=True, slots=True)
class Track:
    """A workspace with an API, and what is asked there."""

    api: Harness
    dsn: Dsn
    admin: Caller
    api_id: str

    @classmethod
    async def make(cls, api: Harness, dsn: Dsn) -> Track:
        admin = await api.admin()
        made = await api.post("/v2/apis.createApi", {"name": "races"}, admin)
        return cls(api, dsn, admin, made.json["data"]["apiId"])

    @property
    def workspace_id(self) -> str:
        return self.admin.workspace_id

    async def ask(self, operation: str, body: Mapping[str, object]) -> Answer:
        """Call one operation; whatever else happens, the service must not fail."""
        answer = await self.api.post(f"/v2/{operation}", body, self.admin)
        assert answer.status < 500, (operation, answer.body)
        return answer

    async def ok(self, operation: str, body: Mapping[str, object]) -> Any:
        """Call one that must succeed and return its `data`."""
        answer = await self.ask(operation, body)
        assert answer.status == 200, (operation, answer.body)
        return answer.json["data"]

    async def at_once(self, *calls: Call) -> list[Answer]:
        """Start all calls together and return their answers in order."""
        return list(await asyncio.gather(*(self.ask(operation, body) for operation, body in calls)))

    async def later(self, steps: int, call: Call) -> Answer:
        """Call after that many turns of the event loop, so that over many rounds calls meet at every point."""
        for _ in range(steps):
            await asyncio.sleep(0)
        return await self.ask(*call)

    async def key(self, **fields: object) -> Any:
        """Create a key in the API and return the answer's data."""
        return await self.ok("keys.createKey", {"apiId": self.api_id, **fields})

    async def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement apart from the service."""
        return await run_sql(self.dsn, statement)

    async def count(self, table: str, condition: str = "TRUE") -> int:
        """How many rows the workspace has in a table."""
        owned = f"workspace_id = '{self.workspace_id}'"
        [(number,)] = await self.sql(f"SELECT COUNT(*) FROM `{table}` WHERE {owned} AND {condition}")
        return int(number)

    async def told(self, event: str) -> int:
        """How many audit entries of this kind there are."""
        return await self.count("clickhouse_outbox", f"JSON_VALUE(payload, '$.event') = '{event}'")


def statuses(answers: list[Answer]) -> list[int]:
    """Return the statuses, ascending."""
    return sorted(answer.status for answer in answers)


def fresh(kind: str = "name") -> str:
    """Return a name nothing else has."""
    return f"{kind}_{secrets.token_hex(6)}"


async def rounds(race: Callable[[int], Awaitable[None]], *, abreast: int = 1) -> None:
    """Run a race again and again; several races at a time where they have nothing in common."""
    numbers = iter(range(ROUNDS))

    async def lane() -> None:
        for number in numbers:
            await race(number)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(abreast):
            lanes.create_task(lane())
