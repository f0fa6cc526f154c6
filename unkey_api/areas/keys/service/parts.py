"""What the use cases of keys work with, and the secrets they draw."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from unkey_api.areas.keys.errors import EncryptionFailed
from unkey_api.areas.keys.schemes.salted import HashCaps
from unkey_api.areas.parts import Parts
from unkey_api.core.ids import ApiId, KeyspaceId
from unkey_api.core.keymaterial import RandomBytes
from unkey_api.core.secret import Secret
from unkey_api.infra.vault import Ciphertext, VaultClient, VaultUnavailable


class CreditControl(Protocol):
    """Working copies of balances, kept in step with changes made here."""

    async def flush(self, key_id: str) -> None:
        """Have what was spent of the key written to the database, before its balance is read or set there."""
        ...

    async def invalidate(self, key_id: str) -> None:
        """Have the next spend read the database again. Call it after the commit; never raises."""
        ...


class LiveApi(Protocol):
    """An API that can hold keys."""

    @property
    def id(self) -> ApiId:
        """Identifies it."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def keyspace_id(self) -> KeyspaceId:
        """Where its keys are."""
        ...


class LiveApis(Protocol):
    """APIs by id. They come from a domain above this one, so only their shape is known here."""

    async def find(self, workspace_id: str, api_id: str) -> LiveApi | None:
        """Return a live API of the workspace, or None."""
        ...


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


DEFAULT_BYTES = 16


def length_of(requested: int | None, keyspace_default: int | None) -> int:
    """Return how many random bytes a new key has. A stored default of 0 counts as none."""
    return requested or keyspace_default or DEFAULT_BYTES


async def encrypt(vault: VaultClient, workspace_id: str, plaintext: Secret) -> Ciphertext:
    """Encrypt a key with the keyring of its workspace.

    Raises:
        EncryptionFailed: The vault did not do it.
    """
    try:
        return await vault.encrypt(workspace_id, plaintext)
    except VaultUnavailable as err:
        raise EncryptionFailed(err.internal) from err
