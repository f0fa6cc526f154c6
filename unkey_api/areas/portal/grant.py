"""What a session may touch, as stored. Writer and reader share this: a name that drifts would grant nothing."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

_KEYSPACES = "keyspaceIds"
_SCOPES = "scopes"


class MalformedGrant(ValueError):
    """The stored text is not a grant."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Keyspaces and what may be done there."""

    keyspace_ids: tuple[str, ...]
    scopes: tuple[str, ...]

    def to_json(self) -> str:
        """Return the text to store."""
        return orjson.dumps({_KEYSPACES: self.keyspace_ids, _SCOPES: self.scopes}).decode()


def read_grant(text: str) -> Grant:
    """Return the stored grant; a missing list is empty.

    Raises:
        MalformedGrant: It is not an object of lists of texts.
    """
    try:
        stored = orjson.loads(text)
    except orjson.JSONDecodeError as err:
        raise MalformedGrant("not JSON") from err
    if not isinstance(stored, dict):
        raise MalformedGrant("not an object")
    return Grant(_texts(stored.get(_KEYSPACES)), _texts(stored.get(_SCOPES)))


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedGrant("not a list of texts")
    return tuple(value)
