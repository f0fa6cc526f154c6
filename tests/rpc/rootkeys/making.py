"""Callers and root keys of these tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.support.asgi import Answer
from tests.support.harness import Caller, Harness
from tests.support.mysql import run_sql
from unkey_api.infra.mysql import Dsn

HOUR = 3_600_000


def urn_of(answer: Answer) -> str:
    """The last part of the error's type."""
    return str(answer.json["error"]["type"]).rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Ring:
    """A workspace whose root keys are under test."""

    api: Harness
    dsn: Dsn
    admin: Caller
    """May do everything in the workspace."""

    @property
    def workspace_id(self) -> str:
        return self.admin.workspace_id

    def urn(self, path: str) -> str:
        """A permission of this workspace."""
        return f"unkey:v1:{self.workspace_id}:{path}"

    async def caller(self, *paths: str) -> Caller:
        """A root key that holds these URNs of the workspace and never expires."""
        return await self.api.caller(*map(self.urn, paths), workspace_id=self.workspace_id)

    async def create(self, caller: Caller | None = None, /, **fields: Any) -> dict[str, str]:
        """Create a root key and return the answer's data."""
        body = {"permissions": [], **fields}
        answer = await self.api.post("/v2/rootKeys.createKey", body, caller or self.admin)
        assert answer.status == 200, answer.json
        data: dict[str, str] = answer.json["data"]
        return data

    async def expiring(self, *paths: str, expires: int) -> Caller:
        """A root key that holds these URNs and expires."""
        made = await self.create(permissions=[self.urn(path) for path in paths], expires=expires)
        return Caller(self.workspace_id, made["key"])

    async def post(self, method: str, body: object, caller: Caller | str | None = None) -> Answer:
        """Call an operation, as the admin unless told otherwise."""
        return await self.api.post(f"/v2/rootKeys.{method}", body, caller or self.admin)

    async def listed(self, caller: Caller | None = None) -> dict[str, dict[str, Any]]:
        """Everything a caller may list, by key id."""
        answer = await self.post("listKeys", {}, caller)
        assert answer.status == 200, answer.json
        return {item["keyId"]: item for item in answer.json["data"]}

    async def status_of(self, secret: str) -> int:
        """How the service answers a harmless request with this root key."""
        return (await self.post("listKeys", {}, secret)).status

    async def sql(self, statement: str) -> list[tuple[Any, ...]]:
        return await run_sql(self.dsn, statement)

    async def audits(self, event: str, key_id: str) -> list[dict[str, Any]]:
        """Entries of the workspace about a root key."""
        found = await self.sql(
            f"SELECT payload FROM clickhouse_outbox WHERE workspace_id = '{self.workspace_id}' ORDER BY pk"
        )
        entries = [json.loads(row[0]) for row in found]
        return [e for e in entries if e["event"] == event and key_id in [t["id"] for t in e["targets"]]]
