"""Making a secret, and keeping it recoverable where that is asked for."""

from __future__ import annotations

from unkey_api.areas.keys.errors import EncryptionFailed
from unkey_api.core.secret import Secret
from unkey_api.infra.vault import Ciphertext, VaultClient, VaultUnavailable

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
