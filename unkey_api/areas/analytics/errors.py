"""What can go wrong with an analytics query."""

from __future__ import annotations

from unkey_api.core.error_code import ErrorCode
from unkey_api.core.errors import AppError


class InvalidQuery(AppError):
    """The query cannot be run as it stands."""

    code = ErrorCode.USER_BAD_REQUEST_INVALID_ANALYTICS_QUERY


class NotASelect(AppError):
    """The query is a statement of another kind."""

    code = ErrorCode.USER_BAD_REQUEST_INVALID_ANALYTICS_QUERY_TYPE


class TableNotAllowed(AppError):
    """The query reads something that is not one of the public tables of its operation."""

    code = ErrorCode.USER_BAD_REQUEST_INVALID_ANALYTICS_TABLE


class FunctionNotAllowed(AppError):
    """The query calls a function that is not on the list."""

    code = ErrorCode.USER_BAD_REQUEST_INVALID_ANALYTICS_FUNCTION


class BeyondRetention(AppError):
    """The query asks for rows from before the time that is kept."""

    code = ErrorCode.USER_BAD_REQUEST_QUERY_RANGE_EXCEEDS_RETENTION


class NotConfigured(AppError):
    """Analytics are not set up, for this server or for the caller's workspace."""

    code = ErrorCode.DATA_ANALYTICS_NOT_CONFIGURED


class AnalyticsUnavailable(AppError):
    """The analytics database, or the vault that keeps its password, did not do its part. Never the caller's fault."""

    code = ErrorCode.DATA_ANALYTICS_CONNECTION_FAILED


class QueryTooSlow(AppError):
    """The answer did not come in time."""

    code = ErrorCode.USER_BAD_REQUEST_REQUEST_TIMEOUT


class ExecutionTimedOut(AppError):
    """ClickHouse gave up on a query that ran too long."""

    code = ErrorCode.USER_UNPROCESSABLE_ENTITY_QUERY_EXECUTION_TIMEOUT


class TooMuchMemory(AppError):
    """The query needs more memory than it may have, or returns more bytes than an answer holds."""

    code = ErrorCode.USER_UNPROCESSABLE_ENTITY_QUERY_MEMORY_LIMIT_EXCEEDED


class TooManyRows(AppError):
    """The query reads or returns more rows than it may."""

    code = ErrorCode.USER_UNPROCESSABLE_ENTITY_QUERY_ROWS_LIMIT_EXCEEDED


class QuotaExceeded(AppError):
    """The workspace has asked as much as it may for now."""

    code = ErrorCode.USER_TOO_MANY_REQUESTS_QUERY_QUOTA_EXCEEDED
