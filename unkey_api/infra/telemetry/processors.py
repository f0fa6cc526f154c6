"""The steps between a call of the logger and a line: who, when, where, and nothing secret."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import orjson
from structlog.typing import EventDict, WrappedLogger

from unkey_api.core.clock import Clock
from unkey_api.core.secret import MASK, Secret
from unkey_api.infra.telemetry.exceptions import describe_exception
from unkey_api.infra.telemetry.fields import LOGGABLE
from unkey_api.infra.telemetry.scrubber import Scrubber

Processor = Callable[[WrappedLogger, str, EventDict], EventDict]
Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]

NESTING_MAX = 6  # nothing we log on purpose is deeper; deeper means an object got in by mistake
_LEVELS = {"warn": "warning", "exception": "error", "fatal": "critical"}


def stamp(clock: Clock) -> Processor:
    """Add the time (UTC, milliseconds) and the level."""

    def process(_: WrappedLogger, name: str, event: EventDict) -> EventDict:
        moment = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
        event["time"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event["level"] = _LEVELS.get(name, name)
        return event

    return process


def expand_error(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Turn `error=exception` or `exc_info` into its type, message, causes and frames."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    given = event.get("error")
    error = given if isinstance(given, BaseException) else error
    if isinstance(error, BaseException):
        event["error"] = describe_exception(error)
    return event


def guard(scrubber: Scrubber) -> Processor:
    """Keep listed fields only, make every value plain and scrub every text."""

    def process(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["message"] = event.pop("event", "")
        event.pop("dropped_fields", None)
        dropped: set[str] = set()
        kept = _plain_map(event, scrubber, dropped, depth=0)
        if dropped:
            kept["dropped_fields"] = sorted(scrubber.scrub(name) for name in dropped)  # type: ignore[assignment]
        return kept

    return process


def render_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    """Write the event as one line of JSON, time first."""
    ordered = {name: event[name] for name in ("time", "level", "message") if name in event}
    return orjson.dumps(ordered | dict(event)).decode()


def _plain_map(
    values: Mapping[Any, object],  # Any: maps may come with keys of any type, and those are dropped
    scrubber: Scrubber,
    dropped: set[str],
    *,
    depth: int,
) -> dict[str, Plain]:
    kept: dict[str, Plain] = {}
    for name, value in values.items():
        if name in LOGGABLE:
            kept[name] = _plain(value, scrubber, dropped, depth=depth)
        else:
            dropped.add(str(name))
    return kept


def _plain(value: object, scrubber: Scrubber, dropped: set[str], *, depth: int) -> Plain:
    match value:
        case str() if not isinstance(value, Enum):
            plain: Plain = scrubber.scrub(value)
        case None | bool() | int() | float() if not isinstance(value, Enum):
            plain = value
        case Enum():
            plain = _plain(value.value, scrubber, dropped, depth=depth)
        case Secret():
            plain = MASK
        case Mapping() if depth < NESTING_MAX:
            plain = _plain_map(value, scrubber, dropped, depth=depth + 1)
        case list() | tuple() | set() | frozenset() if depth < NESTING_MAX:
            plain = [_plain(item, scrubber, dropped, depth=depth + 1) for item in value]
        case _:
            # The repr of an object may hold anything, and its fields were never listed.
            plain = f"<{type(value).__name__}>"
    return plain
