"""Cutting texts that callers chose, before anything is done with them."""

from __future__ import annotations

QUOTED_CHARS_MAX = 256
"""What is kept of one value of a caller wherever it is quoted, logged or stored beside the value itself."""

_BLANKS = (" ", "\n", "\t")


def shorten(text: str, chars: int = QUOTED_CHARS_MAX) -> str:
    """Return `text`, or its beginning and its length when it is longer than `chars` characters.

    A word that would be cut in two is left out: half a secret no longer looks like one to those who blank them.
    """
    if len(text) <= chars:
        return text
    head = text[:chars]
    cut = max(map(head.rfind, _BLANKS))
    if cut < chars // 2:
        cut = chars
        while cut and (head[cut - 1].isalnum() or head[cut - 1] in "_-"):
            cut -= 1
    return f"{head[: cut or chars]}… [{len(text)} characters]"
