"""What an update changed, as audit entries tell it."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

VALUE_BYTES_MAX = 2_048
"""JSON of a value that is told in full; of a larger one its size is told."""


def changed_members(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """Return `{"changes": {member: {"from": …, "to": …}}}` for the members that differ; nothing when none does.

    Give it what can be shown to the people of the workspace, and never a secret. Both sides have the same members.
    """
    changes = {
        member: {"from": _told(value), "to": _told(after[member])}
        for member, value in before.items()
        if value != after[member]
    }
    return {"changes": changes} if changes else {}


def _told(value: object) -> object:
    size = len(orjson.dumps(value))
    return value if size <= VALUE_BYTES_MAX else f"({size} bytes)"
