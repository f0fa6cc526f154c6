"""Blanking secrets in JSON text without decoding it into objects.

All bytes outside the blanked values stay as they were, so what is stored is what was sent. The scan copes with text
that is truncated or not JSON at all: in doubt it blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Union

import orjson

from unkey_api.core.secret import holds_secret, without_named_secrets, without_secrets

MASK = b'"[REDACTED]"'
_SHAPE_MASK = MASK.strip(b'"')
MAX_DEPTH = 64  # deeper nesting than any message of ours; the text below is left alone
ITEM = "[]"

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[{}\[\]:,]|[^\s"{}\[\]:,]+', re.DOTALL)
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
_COLON = re.compile(rb"\s*:")
_MEMBER_MASK = rb"\1" + MASK
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
# In a string of JSON, what `names_secrets` may find something behind; names of members alone are no such thing.
_NAMING = re.compile(
    rb"[=@]|-----BEGIN|eyJ|(?i:bearer|basic) |(?i:key|token|secret|passw|authorization)[a-z]*\s*:\s*[^\s\"]"
)
_SIMPLE = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f"}


@dataclass(slots=True)
class _Level:
    """An open object or array."""

    opener: bytes
    path: tuple[str, ...]
    name: str = ""
    expects_name: bool = False


@dataclass(slots=True)
class _Scan:
    """State of one pass over a text."""

    text: bytes
    levels: list[_Level] = field(default_factory=list)
    broken: bool = False
    out: list[bytes] = field(default_factory=list)
    copied: int = 0
    blanking_from: int = -1
    """Start of the value being blanked; -1 while nothing is."""
    blanking_depth: int = 0

    def blank(self, start: int, end: int) -> None:
        self.out.append(self.text[self.copied : start])
        self.out.append(MASK)
        self.copied = end


class Redactor:
    """Blanks the values at given paths, such as `data.key` or `data[].plaintext`, anchored at the root."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Take the paths; names are separated by dots, `[]` follows the name of an array."""
        split = {tuple(path.replace(ITEM, "." + ITEM).strip(".").split(".")) for path in paths}
        self._paths = frozenset(split)
        self._names = frozenset(path[-1] for path in split)
        # Without a backslash, a text with none of these has none of the members. No names match everywhere, to be safe.
        names = b"|".join(b'"%b"' % re.escape(name.encode()) for name in sorted(self._names))
        self._hint = re.compile(names)
        self._member = re.compile(rb'((?:%b)\s*:\s*)"[^"]*"' % names)
        roots = b"|".join(
            b'"%b"' % re.escape(name.encode()) for name in sorted(path[0] for path in split if len(path) == 1)
        )
        self._root_member = re.compile(rb'(?:%b)\s*:\s*("[^"]*")(?=\s*[,}])' % roots) if roots else None
        self._tree = _tree_of(split)

    def redact(self, text: bytes) -> bytes:
        """Return `text` with every secret replaced by `"[REDACTED]"`. Idempotent."""
        if b"\\" not in text:
            hints = len(self._hint.findall(text))
            if not hints:
                return text
            plain = self._redact_flat(text, hints) or self._redact_plain(text, hints)
            if plain is not None:
                return plain
        return self._redact_any(text)

    def _redact_flat(self, text: bytes, hints: int) -> bytes | None:
        """Blank the one secret of an object that holds no other and no list, which is what nearly every request is."""
        if hints != 1 or self._root_member is None or text.count(b"{") != 1 or b"[" in text:
            return None
        found = self._root_member.search(text)
        return None if found is None else text[: found.start(1)] + MASK + text[found.end() :]

    def _redact_plain(self, text: bytes, hints: int) -> bytes | None:
        """Find the secrets by decoding, several times faster; None when some could be somewhere else as well.

        Without escapes a string stands in the text as it is. When there are as many secrets as names of such members,
        then each name stands in front of a secret, and these places are all there is to blank.
        """
        try:
            secrets = list(_secrets(orjson.loads(text), self._tree))
        except orjson.JSONDecodeError:
            return None
        if len(secrets) != hints or any(type(secret) is not str for secret in secrets):
            return None
        blanked, places = self._member.subn(_MEMBER_MASK, text)
        return blanked if places == hints else None

    def _redact_any(self, text: bytes) -> bytes:
        scan = _Scan(text)
        for match in _TOKEN.finditer(text):
            self._take(scan, match.group(), match.start(), match.end())
        if scan.blanking_from >= 0:
            scan.blank(scan.blanking_from, len(text))
        if not scan.copied:
            return text
        scan.out.append(text[scan.copied :])
        return b"".join(scan.out)

    def _take(self, scan: _Scan, token: bytes, start: int, end: int) -> None:
        if scan.blanking_from >= 0:
            _extend_blank(scan, token, end)
        elif token in (b"{", b"["):
            self._open(scan, token, start)
        elif token in (b"}", b"]"):
            _close(scan, token)
        elif token == b",":
            if scan.levels:
                scan.levels[-1].expects_name = scan.levels[-1].opener == b"{"
        elif token == b":":
            return
        elif scan.levels and scan.levels[-1].expects_name and token.startswith(b'"'):
            scan.levels[-1].name = _decoded(token)
            scan.levels[-1].expects_name = False
        elif self._is_secret(scan):
            scan.blank(start, end)

    def _open(self, scan: _Scan, token: bytes, start: int) -> None:
        if self._is_secret(scan):
            scan.blanking_from, scan.blanking_depth = start, 1
            return
        # A path of its own for each level of a text that only nests would take the square of its length.
        path = _path_here(scan) if len(scan.levels) < MAX_DEPTH else ()
        scan.levels.append(_Level(token, path, expects_name=token == b"{"))

    def _is_secret(self, scan: _Scan) -> bool:
        if not scan.levels or len(scan.levels) > MAX_DEPTH:
            return False
        level = scan.levels[-1]
        if level.opener == b"{" and level.name == _UNREADABLE:
            return True
        if scan.broken:
            return level.opener == b"{" and level.name in self._names
        return _path_here(scan) in self._paths


def without_strings(text: bytes) -> bytes:
    """Return JSON text with every string but the names of members replaced by `"[REDACTED]"`."""
    return _STRING.sub(lambda found: found[0] if _COLON.match(text, found.end()) else MASK, text)


def without_shapes(text: bytes) -> bytes:
    """Return JSON text without what looks like a secret in any of its strings, names of members included.

    A string with escapes is judged by what it means and goes as a whole, and so does one that calls a part of it a
    secret, such as a connection string.
    """
    if b"\\" not in text and _NAMING.search(text) is None:
        return without_secrets(text, _SHAPE_MASK)
    return _STRING.sub(_without_shape, text)


def _without_shape(found: re.Match[bytes]) -> bytes:
    token = found[0]
    meaning = _ESCAPE.sub(_unescape, token) if b"\\" in token else token
    inner = meaning[1:-1].decode("utf-8", "replace")
    if without_named_secrets(inner, "") != inner:
        return MASK
    if meaning is token:
        return without_secrets(token, _SHAPE_MASK)
    return MASK if holds_secret(meaning) else token


_UNREADABLE = "\0"

_Tree = dict[str, Union["_Tree", None]]
"""Paths by their first name; None where a path ends."""


def _tree_of(paths: Iterable[tuple[str, ...]]) -> _Tree:
    tree: _Tree = {}
    # A path that ends within another one covers it, so the short ones come first and stay.
    for path in sorted(paths, key=len):
        node: _Tree | None = tree
        for name in path[:-1]:
            node = None if node is None else node.setdefault(name, {})
        if node is not None:
            node.setdefault(path[-1], None)
    return tree


def _secrets(value: Any, tree: _Tree) -> Iterator[Any]:  # Any: decoded JSON
    """Find the values at the paths."""
    if type(value) is dict:
        for name in tree.keys() & value.keys():
            below = tree[name]
            if below is None:
                yield value[name]
            else:
                yield from _secrets(value[name], below)
    elif type(value) is list and ITEM in tree:
        below = tree[ITEM]
        for item in value:
            if below is None:
                yield item
            else:
                yield from _secrets(item, below)


def _extend_blank(scan: _Scan, token: bytes, end: int) -> None:
    """Follow the brackets of the value being blanked to its end."""
    if token in (b"{", b"["):
        scan.blanking_depth += 1
    elif token in (b"}", b"]"):
        scan.blanking_depth -= 1
        if not scan.blanking_depth:
            scan.blank(scan.blanking_from, end)
            scan.blanking_from = -1


def _close(scan: _Scan, token: bytes) -> None:
    matching = b"{" if token == b"}" else b"["
    if not scan.levels or scan.levels[-1].opener != matching:
        scan.broken = True
        return
    scan.levels.pop()


def _path_here(scan: _Scan) -> tuple[str, ...]:
    """Return the path of the value that starts now."""
    if not scan.levels:
        return ()
    level = scan.levels[-1]
    return (*level.path, ITEM if level.opener == b"[" else level.name)


def _decoded(token: bytes) -> str:
    """Return a member's name; one that cannot be read counts as secret."""
    inner = token[1:-1] if len(token) > 1 and token.endswith(b'"') else token[1:]
    try:
        return _ESCAPE.sub(_unescape, inner).decode()
    except UnicodeDecodeError:
        return _UNREADABLE


def _unescape(match: re.Match[bytes]) -> bytes:
    code, simple = match.groups()
    if code is not None:
        return chr(int(code, 16)).encode("utf-8", "surrogatepass")
    return _SIMPLE.get(simple, simple)
