"""Caps on the size of values whose schema cannot express one, and byte counts for people."""

from __future__ import annotations

from unkey_api.core.errors import InvalidInput

_UNITS = ("B", "kB", "MB", "GB", "TB")


def human_bytes(count: int) -> str:
    """Return a byte count in steps of 1000, one decimal below ten: `9 B`, `1.0 MB`, `16 kB`."""
    if count < 10:
        return f"{count} B"
    power = 0
    while power < len(_UNITS) - 1 and count >= 1000 ** (power + 1):
        power += 1
    scale = 1000**power
    tenths = (count * 20 + scale) // (2 * scale)  # rounds half up without floating point
    shown = f"{tenths // 10}.{tenths % 10}" if tenths < 100 and power else f"{tenths / 10:.0f}"
    return f"{shown} {_UNITS[power]}"


def require_bytes_at_most(subject: str, text: str, *, cap: int) -> None:
    """Return when `text` is at most `cap` bytes of UTF-8.

    Args:
        subject: What the text is, as the sentence's first word(s), for instance `Metadata`.
        text: The value, as JSON if it is not a string.
        cap: Bytes allowed.

    Raises:
        InvalidInput: The text is longer.
    """
    size = len(text.encode())
    if size > cap:
        raise InvalidInput(
            f"{subject} is too large: it must be at most {human_bytes(cap)}, but is {human_bytes(size)}."
        )
