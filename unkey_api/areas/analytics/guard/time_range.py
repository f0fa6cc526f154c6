"""Whether a query asks, in so many words, for more than is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlglot import exp

from unkey_api.areas.analytics.errors import BeyondRetention
from unkey_api.areas.analytics.guard.functions import function_name
from unkey_api.areas.analytics.guard.structure import Nodes

_NOW = frozenset({"now", "now64", "today"})
_ROUNDING = """
    tostartofminute tostartofhour tostartofday tostartofweek tostartofmonth tostartofquarter tostartofyear todate
    todatetime todatetime64 formatdatetime tounixtimestamp64milli fromunixtimestamp64milli
"""
_OF_FIRST = frozenset(_ROUNDING.split())
_UNITS = {
    "SECOND": timedelta(seconds=1),
    "MINUTE": timedelta(minutes=1),
    "HOUR": timedelta(hours=1),
    "DAY": timedelta(days=1),
    "WEEK": timedelta(weeks=1),
    "MONTH": timedelta(days=30),
    "YEAR": timedelta(days=365),
}
_FLIPPED: dict[type[exp.Expr], type[exp.Expr]] = {exp.LT: exp.GT, exp.LTE: exp.GTE, exp.GT: exp.LT, exp.GTE: exp.LTE}
_LOWER_BOUNDS = (exp.GT, exp.GTE, exp.EQ)
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\Z")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)\Z")
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
INT64_MAX = 2**63 - 1


def refuse_old_bounds(nodes: Nodes, *, retention: timedelta, now: datetime) -> None:
    """Check every lower bound on `time` in a WHERE. What cannot be evaluated passes: row policies have the last word.

    Raises:
        BeyondRetention: A bound lies before `now - retention`.
    """
    earliest = now - retention
    for node in nodes:
        if not isinstance(node, exp.Where):
            continue
        for bound in _lower_bounds(node.this):
            value = _value(bound, now)
            if value is not None and value < earliest:
                raise BeyondRetention(
                    f"Cannot query data older than {retention.days} days: requested {value:%Y-%m-%d}, "
                    f"earliest available {earliest:%Y-%m-%d}"
                )


def _lower_bounds(condition: exp.Expr) -> Iterator[exp.Expr]:
    """Yield what `time` must not be below, in a condition and what its operators join."""
    waiting = [condition]
    while waiting:
        node = waiting.pop()
        if isinstance(node, exp.Paren):
            waiting.append(node.this)
        elif isinstance(node, exp.Tuple):
            waiting += reversed(node.expressions)
        elif isinstance(node, exp.Between):
            if _is_time(node.this):
                yield node.args["low"]
            waiting += [node.args["high"], node.args["low"], node.this]
        elif isinstance(node, exp.Binary) and not isinstance(node, exp.Dot):
            yield from _compared(node)
            waiting += [node.expression, node.this]


def _compared(node: exp.Binary) -> Iterator[exp.Expr]:
    kind = type(node)
    if _is_time(node.this):
        if issubclass(kind, _LOWER_BOUNDS):
            yield node.expression
    elif _is_time(node.expression) and issubclass(_FLIPPED.get(kind, kind), _LOWER_BOUNDS):
        yield node.this


def _is_time(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column | exp.Identifier | exp.Dot) and node.name.lower() == "time"


def _value(node: exp.Expr, now: datetime) -> datetime | None:
    """Return the moment an expression means; None where that cannot be told."""
    if isinstance(node, exp.Literal):
        return _of_text(node.name) if node.is_string else _of_milliseconds(node.name)
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return _of_milliseconds(f"-{node.this.name}")
    if isinstance(node, exp.Add | exp.Sub):
        return _shifted(node, now)
    if isinstance(node, exp.Anonymous):
        return _of_call(node, now)
    return None


def _of_call(call: exp.Anonymous, now: datetime) -> datetime | None:
    name, arguments = function_name(call).lower(), call.expressions
    if name in _NOW:
        return now
    if name in _OF_FIRST and arguments:
        return _value(arguments[0], now)
    if name == "date_trunc" and len(arguments) > 1:
        return _value(arguments[1], now)
    return None


def _shifted(node: exp.Add | exp.Sub, now: datetime) -> datetime | None:
    base, interval = _value(node.this, now), node.expression
    if base is None or not isinstance(interval, exp.Interval) or interval.unit is None:
        return None
    amount, unit = interval.name, _UNITS.get(interval.unit.name.upper())
    if unit is None or not (amount.isascii() and amount.isdigit()):
        return None
    try:
        span = unit * int(amount)
        return base + span if isinstance(node, exp.Add) else base - span
    except OverflowError:
        return None if isinstance(node, exp.Add) else _LONG_AGO


def _of_milliseconds(text: str) -> datetime | None:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or int(digits) > INT64_MAX:
        return None
    try:
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return _LONG_AGO if text.startswith("-") else None


def _of_text(text: str) -> datetime | None:
    if not (_DAY.match(text) or _MOMENT.match(text) or _RFC_3339.match(text)):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
