"""Reading single values of a record, each with a reason when it is no good."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from unkey_api.areas.keys.transfer.types import Rejected
from unkey_api.areas.keys.types import META_BYTES_MAX
from unkey_api.core.columns import from_datetime
from unkey_api.core.text import canonical_json

Document = Mapping[str, object]
INT64_MAX = (1 << 63) - 1
TIME_MAX = 4_102_444_800_000  # 2100, as for keys that are created one by one
META_PROPERTIES_MAX = 100
_UNFIT = re.compile(r"[\x00\ud800-\udfff]")


def text(document: Document, name: str, *, most: int, pattern: re.Pattern[str] | None = None) -> str | None:
    """Return a text of 1 to `most` characters, or None when it is absent, null or empty."""
    value = document.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Rejected(f"{name} is not a text")
    return checked(value, name, most=most, pattern=pattern)


def checked(value: str, name: str, *, most: int, pattern: re.Pattern[str] | None = None) -> str:
    """Return the text if it is one the tables can keep."""
    if len(value) > most:
        raise Rejected(f"{name} is longer than {most} characters")
    if _UNFIT.search(value):
        raise Rejected(f"{name} holds a NUL character or is not UTF-8")
    if pattern is not None and not pattern.fullmatch(value):
        raise Rejected(f"{name} holds characters that are not allowed")
    return value


def integer(document: Document, name: str, *, least: int, most: int = INT64_MAX) -> int | None:
    """Return a whole number within limits, or None. CSV has it as text."""
    value = document.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Rejected(f"{name} is not a whole number")
    if not least <= value <= most:
        raise Rejected(f"{name} must be {least} to {most}")
    return value


def flag(document: Document, name: str, *, default: bool) -> bool:
    """Return yes or no. CSV has it as text."""
    value = document.get(name)
    if value is None or value == "":
        return default
    word = value.lower() if isinstance(value, str) else value
    if word in {True, "true", "1", "yes"}:
        return True
    if word in {False, "false", "0", "no"}:
        return False
    raise Rejected(f"{name} is neither true nor false")


def instant(document: Document, name: str) -> int | None:
    """Return a time in Unix milliseconds, given as such or in ISO 8601, or None."""
    value = document.get(name)
    if isinstance(value, str) and "-" in value[1:]:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as err:
            raise Rejected(f"{name} is no time") from err
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return integer({name: int(from_datetime(moment))}, name, least=0, most=TIME_MAX)
    return integer(document, name, least=0, most=TIME_MAX)


def names(
    document: Document, name: str, *, at_most: int, most: int, pattern: re.Pattern[str] | None = None
) -> tuple[str, ...]:
    """Return a list of texts. CSV has it as JSON, or with semicolons in between."""
    value = document.get(name)
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        value = structure(document, name) if value.startswith("[") else [part.strip() for part in value.split(";")]
    if not isinstance(value, list) or len(value) > at_most:
        raise Rejected(f"{name} is not a list of at most {at_most}")
    found = []
    for item in value:
        if not isinstance(item, str) or not item:
            raise Rejected(f"{name} holds something that is not a text")
        found.append(checked(item, name, most=most, pattern=pattern))
    return tuple(dict.fromkeys(found))


def structure(document: Document, name: str) -> object:
    """Return an object or list. CSV has it as JSON text. None when absent."""
    value = document.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return value
    try:
        decoded: object = orjson.loads(value)
    except (orjson.JSONDecodeError, UnicodeEncodeError) as err:
        raise Rejected(f"{name} is not JSON") from err
    return decoded


def metadata(document: Document, name: str) -> str | None:
    """Return an object in the form in which metadata is stored, or None."""
    value = structure(document, name)
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) > META_PROPERTIES_MAX:
        raise Rejected(f"{name} is not an object of at most {META_PROPERTIES_MAX} properties")
    stored = canonical_json(value)
    if len(stored.encode()) > META_BYTES_MAX:
        raise Rejected(f"{name} is larger than {META_BYTES_MAX} bytes")
    return stored
