"""Telling keys, tokens and hashes by their shape, wherever they turn up in a text.

One half of the detector that every text goes through before it is logged or stored; the other half is `secret_words`.

A text is cut into runs of the characters that keys, hexadecimal and Base64 are made of. A run is a secret when enough
of it is neither a word, nor a number, nor an identifier of ours. Works on bytes: nearly every text is cleared by two
steps that Python does in C, and the work grows with the length of the text and no faster.
"""

from __future__ import annotations

import re
import string

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
