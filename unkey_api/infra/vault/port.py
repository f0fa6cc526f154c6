"""What the service asks of a vault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from unkey_api.core.errors import ServiceUnavailable
from unkey_api.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """A text as the vault encrypted it."""

    encrypted: str
    """Opaque; hand it back to decrypt."""
    key_id: str
    """The vault's id of the key it used; stored beside the text."""


class VaultUnavailable(ServiceUnavailable):
    """The vault did not do what was asked.

    `reason` is the Connect code as a word (`unavailable`, `invalid_argument`, `unauthenticated`, ...).
    """

    def __init__(self, public: str, *, reason: str, internal: str) -> None:
        super().__init__(public, internal=internal)
        self.reason = reason


class VaultClient(Protocol):
    """A vault. Every method raises `VaultUnavailable` on any failure and may be repeated."""

    async def encrypt(self, keyring: str, plaintext: Secret) -> Ciphertext:
        """Encrypt one text. `keyring` separates tenants: the workspace id, or an environment id for variables."""
        ...

    async def encrypt_many(self, keyring: str, plaintexts: Mapping[str, Secret]) -> dict[str, Ciphertext]:
        """Encrypt texts by id, all or none; the answer has the same ids."""
        ...

    async def decrypt(self, keyring: str, encrypted: str) -> Secret:
        """Return the text behind `encrypted`."""
        ...

    async def decrypt_many(self, keyring: str, encrypted: Mapping[str, str]) -> dict[str, Secret]:
        """Return the texts by id, all or none; the answer has the same ids."""
        ...
