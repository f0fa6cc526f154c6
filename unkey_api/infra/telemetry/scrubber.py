"""Take secrets out of texts on their way to a log.

Two nets. Known secrets, those of our own configuration, are replaced wherever they occur. What merely looks like a
secret, or is called one, is found by the detector that stored rows go through as well: `core.secret_shapes` and
`core.secret_words`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from unkey_api.core.secret import MASK, Secret
from unkey_api.core.secret_shapes import without_shapes_of_keys
from unkey_api.core.secret_words import without_named_secrets
from unkey_api.core.shortening import shorten

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
