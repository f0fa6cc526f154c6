"""Lua scripts, one per file next to this module's package, known to Redis by their hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the SHA-1 Redis knows it by."""

    name: str
    source: bytes
    sha: bytes


def load_script(name: str) -> Script:
    """Read `scripts/<name>.lua`.

    Raises:
        FileNotFoundError: There is no such file; raised at import, so a broken package does not start.
    """
    source = resources.files("unkey_api.infra.redis").joinpath("scripts", f"{name}.lua").read_bytes()
    digest = hashlib.sha1(source, usedforsecurity=False).hexdigest()
    return Script(name, source, digest.encode())


INCREMENT_MANY = load_script("increment_many")
CREDIT_TAKE = load_script("credit_take")
CREDIT_OPEN = load_script("credit_open")
CREDIT_FORGET = load_script("credit_forget")
