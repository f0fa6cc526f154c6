"""Ask: from a caller's SQL to rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from unkey_api.areas.analytics import requirements
from unkey_api.areas.analytics.errors import AnalyticsUnavailable, QueryTooSlow, TooMuchMemory
from unkey_api.areas.analytics.guard.policy import Policy, RowFilter
from unkey_api.areas.analytics.guard.rewriting import rewrite
from unkey_api.areas.analytics.refusals import refusal_of
from unkey_api.areas.analytics.results import TOO_LARGE, json_rows
from unkey_api.areas.analytics.service.connections import Connection, Connections
from unkey_api.areas.analytics.tables import GATEWAY_REQUESTS, RATELIMITS, RUNTIME_LOGS, VERIFICATIONS, Tables
from unkey_api.areas.analytics.types import Rows
from unkey_api.areas.apis.live import LiveApis
from unkey_api.core.clock import Clock
from unkey_api.core.principal import Principal
from unkey_api.core.rbac import is_allowed, require
from unkey_api.infra.clickhouse.client import ClickHouseRefused, ClickHouseUnavailable
from unkey_api.infra.clickhouse.reading import AnswerTooLarge, AnswerTooLate, RawAnswer

WITHIN = timedelta(seconds=10)
RAW_BYTES = 8_388_608
"""Of ClickHouse's answer. Names of columns are in ours once per row, so it is the longer one as a rule."""
AT_ONCE_BYTES = 65_536
"""Longer answers are decoded in a thread, so that others are served meanwhile."""

Filters: TypeAlias = tuple[RowFilter, ...]
Access: TypeAlias = Callable[[Principal], Awaitable[Filters]]
"""Finds the rows a caller may read, or raises InsufficientPermissions."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about."""

    tables: Tables
    access: Access


class Ask:
    """Runs queries of callers."""

    def __init__(self, connections: Connections, *, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock

    async def __call__(self, principal: Principal, subject: Subject, query: str, *, big_as_text: bool) -> Rows:
        """Return the rows of a query.

        Args:
            principal: Whose workspace and permissions count.
            subject: What is asked about.
            query: SQL as the caller wrote it.
            big_as_text: Whether whole numbers beyond 2^53 come as text.

        Raises:
            InsufficientPermissions, NotConfigured: Before the query is looked at.
            InvalidQuery, NotASelect, TableNotAllowed, FunctionNotAllowed, BeyondRetention: The guard refuses it.
            InvalidQuery, ExecutionTimedOut, TooMuchMemory, TooManyRows, QuotaExceeded: ClickHouse does.
            QueryTooSlow: There is no answer after ten seconds.
            AnalyticsUnavailable: ClickHouse or the vault is away, or speaks in riddles.
        """
        workspace_id = principal.workspace_id
        if not workspace_id:
            raise AssertionError("an authenticated caller has a workspace")
        filters = await subject.access(principal)
        return await self.of_workspace(workspace_id, subject.tables, filters, query, big_as_text=big_as_text)

    async def of_workspace(
        self, workspace_id: str, tables: Tables, filters: Filters, query: str, *, big_as_text: bool
    ) -> Rows:
        """Return the rows of a query for somebody whose permissions were looked at. Raises as the call does."""
        connection = await self._connections.find(workspace_id)
        policy = Policy(
            workspace_id=workspace_id,
            tables=tables,
            filters=filters,
            max_rows=max(connection.settings.max_query_result_rows, 0),
            retention=connection.settings.retention,
        )
        text = rewrite(query, policy, now=datetime.fromtimestamp(self._clock.now_ms() / 1_000, UTC))
        return Rows(tuple(await _decoded(await self._run(workspace_id, connection, text), big_as_text=big_as_text)))

    async def _run(self, workspace_id: str, connection: Connection, text: str) -> RawAnswer:
        try:
            return await self._read(workspace_id, connection, text)
        except ClickHouseRefused as error:
            if not error.is_login_refused:
                raise refusal_of(error.text, number=error.number, name=error.name) from error
        # The password may have changed since it was read; one more try tells.
        self._connections.forget(workspace_id, connection.settings)
        connection = await self._connections.find(workspace_id)
        try:
            return await self._read(workspace_id, connection, text)
        except ClickHouseRefused as error:
            if error.is_login_refused:
                raise AnalyticsUnavailable(
                    "Failed to connect to ClickHouse analytics database", internal=error.text
                ) from error
            raise refusal_of(error.text, number=error.number, name=error.name) from error

    async def _read(self, workspace_id: str, connection: Connection, text: str) -> RawAnswer:
        try:
            async with asyncio.timeout(WITHIN.total_seconds()), self._connections.turn(workspace_id):
                return await connection.reader.read(text, connection.login, within=WITHIN, most_bytes=RAW_BYTES)
        except (AnswerTooLate, TimeoutError) as error:
            raise QueryTooSlow("Query execution was canceled or timed out.") from error
        except AnswerTooLarge as error:
            raise TooMuchMemory(TOO_LARGE) from error
        except ClickHouseUnavailable as error:
            raise AnalyticsUnavailable(
                "Failed to connect to ClickHouse analytics database", internal=error.internal
            ) from error


async def _decoded(answer: RawAnswer, *, big_as_text: bool) -> list[bytes]:
    if len(answer.lines) <= AT_ONCE_BYTES:
        return json_rows(answer.lines, time_zone=answer.time_zone, big_as_text=big_as_text)
    return await asyncio.to_thread(json_rows, answer.lines, time_zone=answer.time_zone, big_as_text=big_as_text)


def verifications(apis: LiveApis) -> Subject:
    """Return verifications as a subject. Who may read single APIs reads those that exist."""

    async def access(principal: Principal) -> Filters:
        workspace_id, permissions = principal.workspace_id, principal.permissions
        everything = requirements.all_verifications(workspace_id)
        if is_allowed(permissions, everything):
            return ()
        named = requirements.granted_apis(permissions)
        keyspaces = set(requirements.granted_keyspaces(permissions, workspace_id))
        if not named and not keyspaces:
            require(permissions, everything)
        found = [await apis.find(workspace_id, api_id) for api_id in named]
        keyspaces |= {api.keyspace_id for api in found if api is not None}
        return (RowFilter("key_space_id", tuple(sorted(keyspaces))),)

    return Subject(VERIFICATIONS, access)


async def _ratelimit_access(principal: Principal) -> Filters:
    everything = requirements.all_ratelimits(principal.workspace_id)
    if is_allowed(principal.permissions, everything):
        return ()
    named = requirements.granted_namespaces(principal.permissions, principal.workspace_id)
    if not named:
        require(principal.permissions, everything)
    return (RowFilter("namespace_id", named),)


async def _gateway_access(principal: Principal) -> Filters:
    require(principal.permissions, requirements.gateway_requests(principal.workspace_id))
    return ()


async def _log_access(principal: Principal) -> Filters:
    require(principal.permissions, requirements.runtime_logs(principal.workspace_id))
    return ()


RATELIMIT_DECISIONS = Subject(RATELIMITS, _ratelimit_access)
GATEWAY = Subject(GATEWAY_REQUESTS, _gateway_access)
LOGS = Subject(RUNTIME_LOGS, _log_access)
