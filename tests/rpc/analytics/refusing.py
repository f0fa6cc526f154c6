"""What every analytics operation refuses alike."""

from __future__ import annotations

from typing import Any

from tests.support.asgi import Answer

SENTENCES = (
    ("", "invalid_analytics_query", "No SQL statements found"),
    ("SELEC 1", "invalid_analytics_query", "Invalid SQL syntax"),
    ("SELECT nothing_like_it FROM {table}", "invalid_analytics_query", "Unknown identifier in analytics query"),
    ("SELECT 1 FROM {table}; SELECT 2", "invalid_analytics_query", "exactly one statement"),
    ("SELECT 1 FROM {table} SETTINGS max_threads = 1", "invalid_analytics_query", "SETTINGS clauses are not allowed"),
    ("SELECT 1 FROM {table} -- " + "x" * 16_384, "invalid_analytics_query", "exceeds the maximum length"),
    ("DESCRIBE {table}", "invalid_analytics_query_type", "Only SELECT queries are allowed"),
    ("DROP TABLE {table}", "invalid_analytics_query_type", "Only SELECT queries are allowed"),
    ("SELECT 1 FROM system.tables", "invalid_analytics_table", "Access to table 'system.tables' is not allowed"),
    ("SELECT 1 FROM (SELECT 1 FROM default.api_requests_raw_v2)", "invalid_analytics_table", "is not allowed"),
    ("SELECT 1 FROM file('x')", "invalid_analytics_function", "Table function 'file' is not allowed"),
    ("SELECT version() FROM {table}", "invalid_analytics_function", "Function 'version' is not allowed"),
    ("SELECT 1 FROM {table} WHERE time >= 1", "query_range_exceeds_retention", "30 days"),
)


def problem(answer: Answer) -> tuple[int, str, str]:
    """Return status, the last part of the type, and the detail of a refusal."""
    error: dict[str, Any] = answer.json["error"]
    return answer.status, error["type"].rsplit("/", 1)[-1], error["detail"]
