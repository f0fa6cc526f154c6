"""What bodies may cost."""

from __future__ import annotations

from dataclasses import dataclass

LIGHT_VALUES = 1_000
"""Values that a body of somebody unknown may hold: decoding and validating so many takes a millisecond or two."""
LIGHT_UNSEEN_BYTES = 2_048
"""A body up to this size is not even looked at: it cannot hold many more values than a light one may."""
DEPTH_MAX = 32
"""Objects and lists within each other in free-form members such as `meta`."""

FREE_FORM_CHARS_MAX = 2_097_152
"""Characters in all texts of a free-form member. No operation stores half of that, and each says by itself what is too
much by a little; but to write megabytes in the form in which they are stored would hold the event loop up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """Bounds on bodies of requests, per process."""

    max_bytes: int = 10_485_760
    """Longest body, also after unpacking; 0 or less means no limit."""
    light_bytes: int = 65_536
    """Up to here a body is read before anything but the presence of a credential is known of its caller."""
    values: int = 20_000
    """Members and elements a body may hold."""
    heavy_bytes: int = 67_108_864
    """Bytes that heavy bodies may take together."""
    heavy_calls: int = 16
    """Requests with heavy bodies at once."""
    heavy_calls_per_workspace: int = 4
    """The same for one workspace."""
    wait_seconds: float = 5.0
    """How long a heavy body waits for its share before the answer is 429."""
