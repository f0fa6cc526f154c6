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
