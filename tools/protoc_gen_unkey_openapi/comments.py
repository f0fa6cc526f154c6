"""Documentation comments as Markdown."""

from __future__ import annotations

import re

from protobuf import DescField, DescMessage, DescMethod, DescService
from protobuf.plugin import get_comments

__all__ = ["describe"]

LIST_ITEM = re.compile(r"\s*(?:[-*]|\d+\.)\s")


def describe(desc: DescField | DescMessage | DescMethod | DescService) -> str:
    """Return the comment above an element, lines of one paragraph joined; empty when there is none."""
    raw = (get_comments(desc).leading or "").rstrip()
    lines = [line.removeprefix(" ").rstrip() for line in raw.splitlines()]
    return "\n\n".join(_join(block) for block in "\n".join(lines).strip().split("\n\n") if block.strip())


def _join(block: str) -> str:
    """Undo the line breaks of a paragraph, but keep those between list items."""
    joined: list[str] = []
    for line in block.splitlines():
        if joined and not LIST_ITEM.match(line):
            joined[-1] += " " + line.strip()
        else:
            joined.append(line)
    return "\n".join(joined)
