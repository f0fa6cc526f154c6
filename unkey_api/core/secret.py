"""Secrets: a text that must not be printed by accident, and telling secrets in the texts of others.

The detector goes over every text before it is logged or stored. It has two halves: `without_named_secrets` tells
secrets by what stands around them (`password=…`, `Bearer …`, passwords in connection strings, PEM blocks),
`without_secrets` tells keys, tokens and hashes by their shape.

Texts quote what strangers send, so every step takes time in proportion to the text and no more. A pattern never starts
again inside of what it has just given up on; what `re` cannot say that way is found by plain search. For shapes, a text
is cut into runs of the characters that keys, hexadecimal and Base64 are made of; a run is a secret when enough of it is
neither a word, nor a number, nor an identifier of ours. That half works on bytes: nearly every text is cleared by two
steps that Python does in C.
"""

from __future__ import annotations

import hmac
import re
import string

MASK = "***"


class Secret:
    """A secret text. Printing, formatting or logging it shows `***`; only `reveal()` gives the text away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._text))


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


RUN_LENGTH = 16
"""Shorter runs are left alone: keys of ours have at least 20 characters, those of others hardly less than 16."""
ODD_LENGTH = 12
"""So many characters that are no part of a word, a number or an identifier make a run a secret; identifiers have 9."""

ALONE_LENGTH = 20
"""The same for a piece that is judged by itself: the shortest key of ours has so many characters."""

_MADE_OF = (string.ascii_letters + string.digits + "+/_-").encode()
_KINDS = bytes(120 if byte in _MADE_OF else 32 for byte in range(256))
_LONG = b"x" * RUN_LENGTH
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_PIECE = re.compile(rb"(?<![A-Za-z0-9])[a-z]{1,6}_[A-Za-z0-9]{9}(?![A-Za-z0-9])|[A-Za-z0-9]+")
_HARMLESS = re.compile(
    rb"[a-z]{1,6}_[A-Za-z0-9]{9}"  # an identifier
    rb"|[0-9]+|[a-z]+|[A-Z]+"
    rb"|[A-Z]?[a-z]{2,}(?:[A-Z][a-z]{2,})*"  # names of classes and fields
)
_EXEMPT = re.compile(
    rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"  # a UUID: what many call their users
    rb"|00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"  # a traceparent, which operators search for
)


_LONG_PIECE = re.compile(rb"[A-Za-z0-9]{%d,}" % ALONE_LENGTH)
_TRACE_ID = re.compile(rb"[0-9a-f]{32}")


def may_hold_secret(text: bytes) -> bool:
    """Return False when nothing in `text` is long enough to be a secret."""
    return _LONG in text.translate(_KINDS)


def without_secrets(text: bytes, mask: bytes, *, spare: bool = True) -> bytes:
    """Return `text` with `mask` in place of every run that looks like a secret. Safe to repeat.

    `spare` leaves UUIDs and traceparents alone; without it they go too, since others make their keys like that.
    """
    if _LONG not in text.translate(_KINDS):
        return text
    if not spare:
        text = _EXEMPT.sub(mask, text)
    return _RUN.sub(lambda found: mask if _is_odd(found[0]) else found[0], text)


def without_shapes_of_keys(text: str, mask: str) -> str:
    """Return a text of ours, or of a dependency, with `mask` in place of what looks like a key. Safe to repeat.

    In such texts hosts, paths and ids are made of short random pieces joined by hyphens and slashes, which operators
    need; so each piece is judged by itself, and trace ids stay. What a caller sent goes through `without_secrets`.
    """
    encoded = text.encode("utf-8", "surrogatepass")
    if _LONG_PIECE.search(encoded) is None:
        return text
    hidden = mask.encode()
    kept = _LONG_PIECE.sub(lambda found: found[0] if _is_no_key(found[0]) else hidden, encoded)
    return kept.decode("utf-8", "surrogatepass")


def _is_no_key(piece: bytes) -> bool:
    return (_HARMLESS.fullmatch(piece) or _TRACE_ID.fullmatch(piece)) is not None


def holds_secret(text: bytes) -> bool:
    """Return True when a part of `text` looks like a secret."""
    return may_hold_secret(text) and any(_is_odd(run) for run in _RUN.findall(text))


def _is_odd(run: bytes) -> bool:
    if _EXEMPT.fullmatch(run):
        return False
    odd = 0
    for piece in _PIECE.finditer(run):
        if not _HARMLESS.fullmatch(piece[0]):
            odd += len(piece[0])
            if odd >= ODD_LENGTH:
                return True
    return False
