"""How stored values look inside the service.

Row dataclasses say with their annotations what a column means; the row mapper of `infra.mysql` does the rest:

    bool          tinyint(1), 0 or 1
    UnixMs        bigint milliseconds or datetime(3); one representation for both
    a StrEnum     enum columns and closed sets of words
    Annotated[T, FromJson()]   JSON text, decoded; `T` is what the text holds
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, NewType

UnixMs = NewType("UnixMs", int)
"""An instant: milliseconds since 1970-01-01T00:00:00Z."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LAST = UnixMs(253_402_300_799_999)


@dataclass(frozen=True, slots=True)
class FromJson:
    """Marks a field whose column holds JSON text. An empty text counts as NULL."""


JsonObject = Annotated[Mapping[str, object], FromJson()]
"""A JSON column that holds an object."""


def to_datetime(instant: UnixMs) -> datetime:
    """Return the instant as an aware UTC datetime, the form to bind to a datetime(3) column.

    One beyond the year 9999 becomes the last a column can hold: whoever asks for an end in so many years means never.
    """
    return _EPOCH + min(instant, _LAST) * _MILLISECOND


def from_datetime(value: datetime) -> UnixMs:
    """Return the instant of a datetime; one without a zone is taken as UTC. Below a millisecond it rounds down."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return UnixMs((aware - _EPOCH) // _MILLISECOND)
