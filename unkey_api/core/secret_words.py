"""Telling secrets by what stands around them: `password=…`, `Bearer …`, passwords in connection strings, PEM blocks.

One half of the detector that every text goes through before it is logged or stored; the other half, `secret_shapes`,
tells keys by what they look like themselves.

Texts quote what strangers send, so every step takes time in proportion to the text and no more: a pattern never starts
again inside of what it has just given up on. What `re` cannot say that way is found by plain search.
"""

from __future__ import annotations

import re

# One scan that clears nearly every text; only what it flags goes through the costlier patterns below.
_SUSPICIOUS = re.compile(
    r"@|-----BEGIN|eyJ"
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


def names_secrets(text: str) -> bool:
    """Return False when nothing in `text` can be called a secret by its surroundings. A single search."""
    return _SUSPICIOUS.search(text) is not None


def without_named_secrets(text: str, mask: str) -> str:
    """Return `text` with `mask` in place of everything that its surroundings call a secret. Safe to repeat."""
    if not names_secrets(text):
        return text
    text = _PEM.sub(mask, text)
    text = _BEARER.sub(rf"\1 {mask}", text)
    text = _SIGNED_TOKEN.sub(rf"\1{mask}", text)
    if "@" in text:
        text = _WORD_WITH_AT.sub(lambda found: _without_passwords(found, mask), text)
    return _PAIR.sub(rf"\1{mask}", text)


def _without_passwords(found: re.Match[str], mask: str) -> str:
    """Blank passwords in `scheme://user:password@…` and `user:password@tcp(…)`, in one run without blanks.

    A password may hold any character, `@` too, so it reaches to the last place that can end it.
    """
    word = found[0]
    end = word.rindex("@")
    user = _URL_USER.search(word, 0, end)
    if user is not None:
        return f"{word[: user.end()]}{mask}{word[end:]}"
    end = max((protocol.start() for protocol in _GO_PROTOCOL.finditer(word)), default=-1)
    name = _GO_USER.search(word, 0, end) if end > 0 else None
    return f"{word[: name.end()]}{mask}{word[end:]}" if name else word
