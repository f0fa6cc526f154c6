"""The steps between a call of the logger and a line: who, when, where, and nothing secret."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import orjson
from structlog.typing import EventDict, WrappedLogger

from unkey_api.core.clock import Clock
from unkey_api.core.secret import MASK, Secret, without_named_secrets, without_shapes_of_keys
from unkey_api.core.text import shorten
from unkey_api.infra.telemetry.fields import LOGGABLE, describe_exception

KNOWN_LENGTH_MIN = 6  # shorter "secrets" are words like `root`; replacing them would only garble lines
TEXT_CHARS_MAX = 2_048
"""What is kept of one text. Longer ones are what callers sent, or a dependency quoting it."""


class Scrubber:
    """Replaces secrets in texts by `***`."""

    def __init__(self, known: Iterable[Secret] = (), *, text_chars_max: int = TEXT_CHARS_MAX) -> None:
        """Take the secrets that must never appear, and how many characters of one text are looked at and kept."""
        texts = {secret.reveal() for secret in known}
        # Longest first, so that a secret inside another does not leave the rest of the longer one behind.
        ordered = sorted((text for text in texts if len(text) >= KNOWN_LENGTH_MIN), key=len, reverse=True)
        self._text_chars_max = text_chars_max
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def scrub(self, text: str) -> str:
        """Return the text with everything that is or looks like a secret replaced. Safe to repeat.

        Of a text longer than `text_chars_max` the beginning is returned, with a note of the full length.
        """
        if len(text) > self._text_chars_max:
            text = shorten(text, self._text_chars_max)
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return without_shapes_of_keys(without_named_secrets(text, MASK), MASK)


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
