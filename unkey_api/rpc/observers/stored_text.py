"""What of a request may be kept: its bodies, headers, query and path without secrets.

A request holds secrets where they belong and where callers put them by mistake, so three nets lie behind each other:
the place (fields marked in the contract), the name (of a header or parameter) and the shape (whatever looks like a key,
a token or a hash). What could not be decoded could hide a secret from all three and is not kept.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

import orjson

from unkey_api.core.redaction import Redactor, without_shapes, without_strings
from unkey_api.core.secret_shapes import holds_secret, without_secrets
from unkey_api.rpc.exchange import Headers

TEXT_MAX = 8 * 1024  # bytes kept of a query and of a header
HIDDEN = "[REDACTED]"
_MASK = HIDDEN.encode()
_REMEMBERED = 1_000  # texts and names whose outcome is kept at hand; callers can make up others without end
_REMEMBERED_BYTES = 256
_LEFT_OUT = frozenset({b"x-forwarded-proto", b"x-forwarded-port", b"x-forwarded-for", b"x-amzn-trace-id"})
_SECRET_NAME = re.compile(
    r"auth|cookie|token|secret|passw|passphrase|pwd|credential|session|signature|jwt|bearer|otp|hash|(?<!un)key"
    r"|(?:^|[^a-z])(?:sig|pin|code|pass)(?:$|[^a-z])",
    re.IGNORECASE,
)
_ESCAPED_STILL = re.compile(r"%[0-9a-fA-F]{2}")
_QUOTED_VALUE = re.compile(rb"\"'(?:[^\"\\]|\\.)*' does not match pattern '")
_QUOTED_MASK = b"\"'%b' does not match pattern '" % _MASK


class StoredText:
    """Makes the texts of rows. One per process: it remembers what it said of headers and paths seen lately."""

    def __init__(self, redactor: Redactor) -> None:
        self._redact = redactor.redact
        self._names: dict[bytes, tuple[str, bool]] = {}
        """Header names in canonical case, and whether their values are secrets."""
        self._texts: dict[bytes, str] = {}

    def request_body(self, body: bytes, size: int, *, valid: bool) -> str:
        """Return what is kept of the body of a request, of which `body` may be the beginning only.

        `valid` says that it was decoded and obeys every rule.
        """
        if not body:
            return ""
        if valid:
            return _text(without_shapes(self._redact(body)))
        if size > len(body) or not _is_json(body):
            return f"[{size} bytes that are no valid request]"
        return _text(without_shapes(without_strings(body)))

    def response_body(self, body: bytes, *, valid: bool) -> str:
        """Return what is kept of an answer; `valid` is about the request, whose faults an answer quotes."""
        if not body:
            return ""
        kept = without_shapes(self._redact(body))
        return _text(kept if valid else _QUOTED_VALUE.sub(_QUOTED_MASK, kept))

    def headers(self, headers: Headers) -> list[str]:
        """Return `Name: v1,v2` per header, in canonical case."""
        values: dict[bytes, str] = {}
        for name, value in headers:
            known = self._names.get(name) or self._learn(name)
            shown = HIDDEN if known[1] else self.text(value)
            values[name] = f"{values[name]},{shown}" if name in values else shown
        names = self._names
        return [
            f"{(names.get(name) or self._learn(name))[0]}: {text}"
            for name, text in values.items()
            if name not in _LEFT_OUT
        ]

    def text(self, value: bytes) -> str:
        """Return a header, a path or another short text."""
        known = self._texts.get(value)
        if known is not None:
            return known
        shown = _decoded(without_secrets(value[:TEXT_MAX], _MASK))
        if len(value) <= _REMEMBERED_BYTES:
            if len(self._texts) >= _REMEMBERED:
                self._texts.clear()
            self._texts[value] = shown
        return shown

    def _learn(self, name: bytes) -> tuple[str, bool]:
        if len(self._names) >= _REMEMBERED:
            self._names.clear()
        plain = without_secrets(name[:TEXT_MAX], _MASK).decode("latin-1")
        canonical = plain if HIDDEN in plain else "-".join(part.capitalize() for part in plain.split("-"))
        learned = self._names[name] = (canonical, _SECRET_NAME.search(plain) is not None)
        return learned


def stored_query(query: bytes) -> tuple[str, dict[str, list[str]]]:
    """Return the query as text and as lists of values by name, without secrets in names and values."""
    pieces: list[str] = []
    params: dict[str, list[str]] = {}
    for piece in query[:TEXT_MAX].decode("latin-1").split("&"):
        raw_name, equals, raw_value = piece.partition("=")
        name, name_is_plain = _shown(raw_name)
        value, value_is_plain = _shown(raw_value)
        if value and _SECRET_NAME.search(name):
            value, value_is_plain = HIDDEN, False
        pieces.append(f"{raw_name if name_is_plain else name}{equals}{raw_value if value_is_plain else value}")
        if piece:
            params.setdefault(name, []).append(value)
    return "&".join(pieces), params


def _shown(raw: str) -> tuple[str, bool]:
    """Return what may be kept of a name or value, decoded, and whether that is all of it."""
    meaning = unquote_plus(raw)
    if _ESCAPED_STILL.search(meaning) or holds_secret(meaning.encode()):
        return HIDDEN, False
    return meaning, True


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True


def _decoded(value: bytes) -> str:
    """Return a header as text: browsers send UTF-8, the standard says Latin-1, which never fails."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
