"""Take secrets out of texts on their way to a log.

Two nets. Known secrets, those of our own configuration, are replaced wherever they occur. What merely looks like a
secret is replaced by shape: bearer tokens, signed tokens, passwords in connection strings, `password=…` pairs and runs
of letters and digits too long and too mixed to be a word or an id of ours (ids have 9 random characters, the shortest
key has 16 random bytes, so at least 20 characters in Base58).

Texts quote what strangers send, so every step takes time in proportion to the text and no more: a pattern never starts
again inside of what it has just given up on. What `re` cannot say that way is found by plain search.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from unkey_api.core.secret import MASK, Secret
from unkey_api.core.shortening import shorten

KNOWN_LENGTH_MIN = 6  # shorter "secrets" are words like `root`; replacing them would only garble lines
TEXT_CHARS_MAX = 2_048
"""What is kept of one text. Longer ones are what callers sent, or a dependency quoting it."""

# One scan that clears nearly every text; only what it flags goes through the costlier patterns below.
_SUSPICIOUS = re.compile(
    r"@|-----BEGIN|eyJ|[A-Za-z0-9]{20}"
    r"|(?i:bearer|basic|password|passwd|secret|token|authorization|api[_-]?key|private[_-]?key)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s++[^\s\"',]++")
_SIGNED_TOKEN = re.compile(r"(?<![\w-])((?:(?!\beyJ)[\w-])*+)eyJ[\w-]++\.[\w-]++\.?[\w-]*+")
_WORD_WITH_AT = re.compile(r"(?<!\S)[^\s@]*+@\S*+")
_URL_USER = re.compile(r"://[^\s:/@]*+:")
_GO_PROTOCOL = re.compile(r"@(?:tcp|unix)\b")
_GO_USER = re.compile(r"[^\s:/@'\"(]:")
_PAIR = re.compile(
    r"(?i)((?:password|passwd|secret|token|authorization|api[_-]?key|private[_-]?key)[\"']?\s*+[=:]\s*+)"
    r"(\"[^\"]*+\"|'[^']*+'|[^\s,;&)}\]]++)"
)
_PEM = re.compile(r"-----BEGIN [A-Z ]++-----.*?(?:-----END [A-Z ]++-----|\Z)", re.DOTALL)
_RUN = re.compile(r"[A-Za-z0-9]{20,}+")
_HARMLESS_RUN = re.compile(
    r"[0-9]++"  # numbers
    r"|[a-z]++|[A-Z]++"  # one long word
    r"|[0-9a-f]{32}"  # trace ids
    r"|[A-Z]?[a-z]{2,}+(?:[A-Z][a-z]{2,}+)*+"  # names of classes
)


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
        if _SUSPICIOUS.search(text) is None:
            return text
        text = _PEM.sub(MASK, text)
        text = _BEARER.sub(rf"\1 {MASK}", text)
        text = _SIGNED_TOKEN.sub(rf"\1{MASK}", text)
        if "@" in text:
            text = _WORD_WITH_AT.sub(_without_passwords, text)
        text = _PAIR.sub(rf"\1{MASK}", text)
        return _RUN.sub(_masked_run, text)


def _masked_run(found: re.Match[str]) -> str:
    return found[0] if _HARMLESS_RUN.fullmatch(found[0]) else MASK


def _without_passwords(found: re.Match[str]) -> str:
    """Blank passwords in `scheme://user:password@…` and `user:password@tcp(…)`, in one run without blanks.

    A password may hold any character, `@` too, so it reaches to the last place that can end it.
    """
    word = found[0]
    end = word.rindex("@")
    user = _URL_USER.search(word, 0, end)
    if user is not None:
        return f"{word[: user.end()]}{MASK}{word[end:]}"
    end = max((protocol.start() for protocol in _GO_PROTOCOL.finditer(word)), default=-1)
    name = _GO_USER.search(word, 0, end) if end > 0 else None
    return f"{word[: name.end()]}{MASK}{word[end:]}" if name else word
