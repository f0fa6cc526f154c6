"""Show a key, by its id or by its secret."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from unkey_api.areas.keys.errors import DecryptionUnsupported, KeyNotFound, NoVault
from unkey_api.areas.keys.live_queries import KeyDetails, LiveKey, get_details, get_key, get_key_by_hash
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.core.keymaterial import hash_key
from unkey_api.core.principal import Principal
from unkey_api.core.rbac import require
from unkey_api.core.secret import Secret
from unkey_api.infra.vault import VaultUnavailable

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key as its owner sees it."""

    key: LiveKey
    details: KeyDetails
    plaintext: Secret | None = None
    """None unless it was asked for and is kept."""


class GetKey:
    """Shows a key by id."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, principal: Principal, key_id: str, *, decrypt: bool = False) -> ShownKey:
        """Return the key, with `decrypt` together with its secret if that is kept and the vault gives it out.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace.
            InsufficientPermissions: The caller may not read it, or not decrypt it.
            NoVault: `decrypt`, and no vault is configured.
            DecryptionUnsupported: `decrypt`, and the keyspace keeps no secrets.
            StoreUnavailable: It could not be read.
        """
        conn = self._parts.database.reads_of(principal.workspace_id)
        key = await get_key(conn, principal, key_id)
        require(principal.permissions, key.needs("read_key"))
        plaintext = await self._decrypted(principal, key) if decrypt else None
        return ShownKey(key, await get_details(conn, key), plaintext)

    async def _decrypted(self, principal: Principal, key: LiveKey) -> Secret | None:
        vault = self._parts.vault
        if vault is None:
            raise NoVault
        require(principal.permissions, key.needs("decrypt_key"))
        if not key.store_encrypted_keys:
            raise DecryptionUnsupported
        if key.encrypted is None:
            return None
        try:
            return await vault.decrypt(key.workspace_id, key.encrypted)
        except VaultUnavailable as err:
            _log.warning("key could not be decrypted", key_id=key.id, error=err.internal)
            return None


class Whoami:
    """Shows a key by its secret."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, principal: Principal, secret: str) -> ShownKey:
        """Return the key, whatever its state; deleted ones are gone.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace, or the caller may not read it.
            StoreUnavailable: It could not be read.
        """
        conn = self._parts.database.reads_of(principal.workspace_id)
        key = await get_key_by_hash(conn, principal, hash_key(secret))
        require(principal.permissions, key.needs("read_key"), hide_as=KeyNotFound)
        return ShownKey(key, await get_details(conn, key))
