"""What the use cases of keys work with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from unkey_api.areas.keys.ports import CreditControl, LiveApis
from unkey_api.areas.keys.schemes.salted import HashCaps
from unkey_api.areas.parts import Parts
from unkey_api.core.keymaterial import RandomBytes
from unkey_api.infra.vault import VaultClient


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyParts(Parts):
    """Collaborators shared by the use cases."""

    vault: VaultClient | None
    """None when no vault is configured."""
    credits: CreditControl
    apis: LiveApis
    random_bytes: RandomBytes
    hash_caps: HashCaps = field(default_factory=HashCaps)
    """What a salted hash may cost that is imported."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
