"""Take secrets out of texts on their way to a log.

Two nets. Known secrets, those of our own configuration, are replaced wherever they occur. What merely looks like a
secret is replaced by shape: bearer tokens, signed tokens, passwords in connection strings, `password=…` pairs and runs
of letters and digits too long and too mixed to be a word or an id of ours (ids have 9 random characters, the shortest
key has 16 random bytes, so at least 20 characters in Base58).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from unkey_api.core.secret import MASK, Secret

KNOWN_LENGTH_MIN = 6  # shorter "secrets" are words like `root`; replacing them would only garble lines

# One scan that clears nearly every text; only what it flags goes through the costlier patterns below.
_SUSPICIOUS = re.compile(
    r"@|-----BEGIN|eyJ|[A-Za-z0-9]{20}"
    r"|(?i:bearer|basic|password|passwd|secret|token|authorization|api[_-]?key|private[_-]?key)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',]+")
_SIGNED_TOKEN = re.compile(r"\beyJ[\w-]+\.[\w-]+\.?[\w-]*")
_URL_PASSWORD = re.compile(r"(://[^\s:/@]*):\S*@")
_GO_DSN_PASSWORD = re.compile(r"([^\s:/@'\"(]+):\S*@((?:tcp|unix)\b)")
_PAIR = re.compile(
    r"(?i)\b((?:[\w-]*(?:password|passwd|secret|token|authorization|api[_-]?key|private[_-]?key))[\"']?\s*[=:]\s*)"
    r"(?!\s)(\"[^\"]*\"|'[^']*'|[^\s,;&)}\]]+)"
)
_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|$)", re.DOTALL)
_RUN = re.compile(r"[A-Za-z0-9]{20,}")
_HARMLESS_RUN = re.compile(
    r"[0-9]+"  # numbers
    r"|[a-z]+|[A-Z]+"  # one long word
    r"|[0-9a-f]{32}"  # trace ids
    r"|[A-Z]?[a-z]{2,}(?:[A-Z][a-z]{2,})*"  # names of classes
)


class Scrubber:
    """Replaces secrets in texts by `***`."""

    def __init__(self, known: Iterable[Secret] = ()) -> None:
        texts = {secret.reveal() for secret in known}
        # Longest first, so that a secret inside another does not leave the rest of the longer one behind.
        ordered = sorted((text for text in texts if len(text) >= KNOWN_LENGTH_MIN), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def scrub(self, text: str) -> str:
        """Return the text with everything that is or looks like a secret replaced. Safe to repeat."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        if _SUSPICIOUS.search(text) is None:
            return text
        text = _PEM.sub(MASK, text)
        text = _BEARER.sub(rf"\1 {MASK}", text)
        text = _SIGNED_TOKEN.sub(MASK, text)
        text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
        text = _GO_DSN_PASSWORD.sub(rf"\1:{MASK}@\2", text)
        text = _PAIR.sub(rf"\1{MASK}", text)
        return _RUN.sub(_masked_run, text)


def _masked_run(found: re.Match[str]) -> str:
    return found[0] if _HARMLESS_RUN.fullmatch(found[0]) else MASK
