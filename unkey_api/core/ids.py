"""Identifiers: a prefix that names the kind, an underscore, nine random characters.

Ids are public handles, not secrets; those come from `core.keymaterial`.
"""

from __future__ import annotations

import random
import string
from enum import StrEnum
from typing import Protocol

ALPHABET = string.ascii_letters + string.digits
RANDOM_LENGTH = 9

# Every request needs an id, so its letters are made in one step from random bytes. Bytes past the largest multiple of
# 62 would make the first letters likelier and are thrown away; enough are drawn to make up for that.
_DRAWN = 16
_FAIR = 256 - 256 % len(ALPHABET)
_LETTER_OF_BYTE = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_UNFAIR = bytes(range(_FAIR, 256))


class IdPrefix(StrEnum):
    """What an id names."""

    API = "api"
    APP = "app"
    CORRELATION = "cor"
    DEPLOYMENT = "d"
    DOMAIN = "dom"
    ENVIRONMENT = "env"
    ENVIRONMENT_VARIABLE = "evr"
    EVENT = "log"
    IDENTITY = "id"
    INSTANCE = "ins"
    KEY = "key"
    KEYSPACE = "ks"
    PERMISSION = "perm"
    POLICY = "pol"
    PORTAL = "pc"
    PORTAL_SESSION = "ps"
    PROJECT = "proj"
    RATELIMIT = "rl"
    RATELIMIT_NAMESPACE = "rlns"
    RATELIMIT_OVERRIDE = "rlor"
    REQUEST = "req"
    ROLE = "role"
    WORKSPACE = "ws"


class IdSource(Protocol):
    """Where new ids come from. Tests pass one they can predict."""

    def new(self, prefix: IdPrefix) -> str:
        """Return a fresh id, `<prefix>_` and nine characters of `[a-zA-Z0-9]`."""
        ...


class RandomIds:
    """Ids from the process's ordinary random source: 62**9 values per prefix."""

    def __init__(self) -> None:
        # The module's own generator and not one of ours: Python seeds it anew in a forked process. One of ours would be
        # copied into every worker, and they all would hand out the same ids.
        self._bytes = random.randbytes

    def new(self, prefix: IdPrefix) -> str:
        """Return a fresh id, `<prefix>_` and nine characters of `[a-zA-Z0-9]`."""
        letters = b""
        while len(letters) < RANDOM_LENGTH:  # one turn but for one time in millions
            letters = self._bytes(_DRAWN).translate(_LETTER_OF_BYTE, _UNFAIR)
        return f"{prefix.value}_{letters[:RANDOM_LENGTH].decode()}"
