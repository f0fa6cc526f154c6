"""The statements that give a workspace its ClickHouse login: user, grants, row policies, quota, limits.

Each may be repeated. Names go into the text, so they are checked first; ClickHouse takes no parameters here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from unkey_api.areas.analytics.guard.policy import Table, TimeUnit
from unkey_api.areas.analytics.types import Quotas
from unkey_api.core.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z0-9_]+\Z")
_PASSWORD = re.compile(r"[A-Za-z0-9_.~-]+\Z")
RESULT_BYTES = 4_194_304
AST_DEPTH = 100
AST_ELEMENTS = 2_000
EXECUTION_SECONDS_MAX = 30


def create_user(user: str, password: str) -> str:
    """Return what makes the user. One that is there keeps its password."""
    if not _PASSWORD.match(password):
        raise InvalidInput("The stored ClickHouse password has characters that cannot be used.")
    return f"CREATE USER IF NOT EXISTS {_name(user)} IDENTIFIED WITH sha256_password BY '{password}'"


def revoke_everything(user: str) -> str:
    """Return what takes away every right."""
    return f"REVOKE ALL ON *.* FROM {_name(user)}"


def grants(user: str, tables: tuple[Table, ...]) -> Iterator[str]:
    """Yield what lets the user read the tables, of some the documented columns."""
    for table in tables:
        columns = f"({', '.join(map(_name, table.columns))})" if table.columns else ""
        yield f"GRANT SELECT{columns} ON `default`.{_name(table.physical)} TO {_name(user)}"


def row_policies(user: str, workspace_id: str, tables: tuple[Table, ...], *, days: int) -> Iterator[str]:
    """Yield what shows the user the rows of the workspace which are at most so many days old."""
    policy = _name(f"workspace_{workspace_id}_rls")
    for table in tables:
        condition = f"workspace_id = '{_plain(workspace_id)}' AND {_young_enough(table.time, days)}"
        yield (
            f"CREATE ROW POLICY OR REPLACE {policy} ON `default`.{_name(table.physical)} FOR SELECT USING {condition} "
            f"TO {_name(user)}"
        )


def quota(user: str, workspace_id: str, quotas: Quotas) -> str:
    """Return what counts queries and execution time."""
    return (
        f"CREATE QUOTA OR REPLACE {_name(f'workspace_{workspace_id}_quota')} "
        f"FOR INTERVAL {quotas.quota_duration_seconds} second "
        f"MAX queries = {quotas.max_queries_per_window}, execution_time = {quotas.max_execution_time_per_window} "
        f"TO {_name(user)}"
    )


def settings_profile(user: str, workspace_id: str, quotas: Quotas) -> str:
    """Return what bounds each query. Only the execution time may be asked for, within bounds."""
    fixed = {
        "max_memory_usage": quotas.max_query_memory_bytes,
        "max_result_rows": quotas.max_query_result_rows,
        "max_result_bytes": RESULT_BYTES,
        "result_overflow_mode": "'throw'",
        "max_ast_depth": AST_DEPTH,
        "max_ast_elements": AST_ELEMENTS,
        "readonly": 1,
    }
    seconds = min(quotas.max_query_execution_time, EXECUTION_SECONDS_MAX)
    return (
        f"CREATE SETTINGS PROFILE OR REPLACE {_name(f'workspace_{workspace_id}_profile')} SETTINGS "
        f"max_execution_time = {seconds} MIN 1 MAX {EXECUTION_SECONDS_MAX} CHANGEABLE_IN_READONLY, "
        + ", ".join(f"{name} = {value} READONLY" for name, value in fixed.items())
        + f" TO {_name(user)}"
    )


def _young_enough(unit: TimeUnit, days: int) -> str:
    begin = f"toStartOfDay(now() - INTERVAL {days} DAY)"
    if unit is TimeUnit.MILLISECONDS:
        return f"time >= toUnixTimestamp64Milli(toDateTime64({begin}, 3))"
    return f"time >= {begin}" if unit is TimeUnit.MOMENT else f"time >= today() - INTERVAL {days} DAY"


def _name(text: str) -> str:
    return f"`{_plain(text)}`"


def _plain(text: str) -> str:
    if not _NAME.match(text):
        raise InvalidInput(f"'{text}' cannot be a name in ClickHouse: letters, digits and underscores only.")
    return text
