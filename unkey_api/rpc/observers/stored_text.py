"""What of a request may be kept: its bodies, headers, query and path without secrets.

A request holds secrets where they belong and where callers put them by mistake, so three nets lie behind each other:
the place (fields marked in the contract), the name (of a header or parameter) and the shape (whatever looks like a key,
a token or a hash). What could not be decoded could hide a secret from all three and is not kept.
"""

from __future__ import annotations

import re
from typing import TypeVar
from urllib.parse import unquote_plus

import orjson

from unkey_api.core.redaction import Redactor, without_shapes, without_strings
from unkey_api.core.secret import holds_secret, without_named_secrets, without_secrets
from unkey_api.rpc.request_state import Headers

TEXT_MAX = 8 * 1024  # bytes kept of a query and of a header
REFUSED_MAX = 4 * 1024
"""Of longer bodies that are refused only the size is kept: a refusal must not cost more than what was asked for."""
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


Key = TypeVar("Key")


class StoredText:
    """Makes the texts of rows. One per process: it remembers what it said of headers and paths seen lately."""

    def __init__(self, redactor: Redactor) -> None:
        self._redact = redactor.redact
        self._hidden: dict[bytes, str] = {}
        """Lines of headers whose values are secrets, by name."""
        self._lines: dict[tuple[bytes, bytes], str] = {}
        """Lines of other headers, by name and value."""
        self._texts: dict[bytes | str, str] = {}
        self._answers: dict[tuple[tuple[bytes, bytes], ...], list[str]] = {}
        """Lines of whole answers, which are alike by the thousand and hold no secrets."""

    def request_body(self, body: bytes, size: int, *, valid: bool) -> str:
        """Return what is kept of the body of a request, of which `body` may be the beginning only.

        `valid` says that it was decoded and obeys every rule.
        """
        if not body:
            return ""
        if valid:
            return _text(without_shapes(self._redact(body)))
        if size > REFUSED_MAX or size > len(body) or not _is_json(body):
            return f"[{size} bytes that are no valid request]"
        return _text(without_shapes(without_strings(body)))

    def response_body(self, body: bytes, *, valid: bool) -> str:
        """Return what is kept of an answer; `valid` is about the request, whose faults an answer quotes."""
        if not body:
            return ""
        kept = without_shapes(self._redact(body))
        return _text(kept if valid else _QUOTED_VALUE.sub(_QUOTED_MASK, kept))

    def answer_headers(self, headers: Headers) -> list[str]:
        """Return the lines of the headers of an answer of ours, as `headers` does."""
        key = tuple(headers)
        lines = self._answers.get(key)
        if lines is None:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            lines = self._answers[key] = self.headers(headers)
        return lines

    def headers(self, headers: Headers) -> list[str]:
        """Return `Name: v1,v2` per header, in canonical case."""
        hidden, known = self._hidden, self._lines
        lines: dict[bytes, str] = {}
        for header in headers:
            name = header[0]
            line = hidden.get(name) or known.get(header) or self._line(header)
            if name in lines:
                line = f"{lines[name]},{line.partition(': ')[2]}"
            lines[name] = line
        for name in _LEFT_OUT & lines.keys():
            del lines[name]
        return list(lines.values())

    def text(self, value: bytes | str) -> str:
        """Return a header, a path or another short text."""
        return self._texts.get(value) or self._text(value)

    def _text(self, value: bytes | str) -> str:
        shown = _shown_text(value if isinstance(value, bytes) else value.encode("utf-8", "replace"))
        _remember(self._texts, value, shown, len(value))
        return shown

    def _line(self, header: tuple[bytes, bytes]) -> str:
        name, value = header
        plain = without_secrets(name[:TEXT_MAX], _MASK).decode("latin-1")
        canonical = plain if HIDDEN in plain else "-".join(part.capitalize() for part in plain.split("-"))
        if _SECRET_NAME.search(plain):
            line = f"{canonical}: {HIDDEN}"
            _remember(self._hidden, name, line, len(name))
        else:
            line = f"{canonical}: {_shown_text(value)}"
            _remember(self._lines, header, line, len(name) + len(value))
        return line


def _shown_text(value: bytes) -> str:
    return without_named_secrets(_decoded(without_secrets(value[:TEXT_MAX], _MASK)), HIDDEN)


def _remember(known: dict[Key, str], key: Key, shown: str, size: int) -> None:
    """Keep what was made of a text, unless it is long; of very many, begin again."""
    if size <= _REMEMBERED_BYTES:
        if len(known) >= _REMEMBERED:
            known.clear()
        known[key] = shown


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
    if without_named_secrets(meaning, HIDDEN) != meaning:
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
