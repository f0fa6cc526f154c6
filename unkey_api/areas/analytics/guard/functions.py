"""The functions a query may call, at any depth. What is not here is refused."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from unkey_api.areas.analytics.errors import FunctionNotAllowed

_NAMES = """
    count sum avg min max any groupArray groupUniqArray uniq uniqExact quantile countIf sumIf
    now now64 today toDate toDateTime toDateTime64 toStartOfMinute toStartOfHour toStartOfDay toStartOfWeek
    toStartOfMonth toStartOfQuarter toStartOfYear date_trunc formatDateTime
    fromUnixTimestamp64Milli toUnixTimestamp64Milli
    toIntervalNanosecond toIntervalMicrosecond toIntervalMillisecond toIntervalSecond toIntervalMinute toIntervalHour
    toIntervalDay toIntervalWeek toIntervalMonth toIntervalQuarter toIntervalYear
    lower upper substring concat length trim startsWith endsWith
    JSONExtractString
    round floor ceil abs
    if case coalesce
    toString toInt32 toInt64 toFloat64
    has hasAny hasAll arrayJoin arrayFilter
"""
FUNCTIONS = {name.lower(): name for name in _NAMES.split()}
"""ClickHouse's spelling by lower-case name. Callers may write them in any case."""

Call = exp.Anonymous | exp.AnonymousAggFunc | exp.ParameterizedAgg


def refuse_other_functions(nodes: Iterable[exp.Expr]) -> None:
    """Check every call of a tree, given its nodes in reading order.

    Raises:
        FunctionNotAllowed: A function is not on the list, or a table function is used.
    """
    for node in nodes:
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Func):
            raise FunctionNotAllowed(f"Table function '{function_name(node.this)}' is not allowed for security reasons")
        name = _called(node)
        if name is not None and name.lower() not in FUNCTIONS:
            raise FunctionNotAllowed(f"Function '{name.lower()}' is not allowed")


def function_name(call: exp.Expr) -> str:
    """Return the name of a call as it was written."""
    return str(call.this.name if isinstance(call.this, exp.Expr) else call.this)


def _called(node: exp.Expr) -> str | None:
    if isinstance(node, Call):
        return function_name(node)
    if isinstance(node, exp.Star):
        # `* EXCEPT (a)` and its like change what is selected by names that need not be checked anywhere else.
        return next(
            (name for name in ("except", "replace", "rename") if node.args.get(name) or node.args.get(f"{name}_")), None
        )
    return "apply" if isinstance(node, exp.Apply) else None
