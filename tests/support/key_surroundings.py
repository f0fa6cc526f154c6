"""What stands around the keys service in tests: a vault, a sink, and observers that do not care."""

from __future__ import annotations

from collections.abc import Mapping

from unkey_api.core.principal import Principal
from unkey_api.core.secret import Secret
from unkey_api.infra.batching.batcher import Offer
from unkey_api.infra.clickhouse.rows import KeyVerificationRow
from unkey_api.infra.vault import Ciphertext, VaultUnavailable


class Events:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.rows: list[KeyVerificationRow] = []

    def add(self, row: KeyVerificationRow, /) -> Offer:
        self.rows.append(row)
        return Offer.BUFFERED


class ReversingVault:
    """A vault in memory. Not a cipher: it turns the text around."""

    def __init__(self) -> None:
        self.down = False
        self.keyrings: list[str] = []

    async def encrypt(self, keyring: str, plaintext: Secret) -> Ciphertext:
        self._ask(keyring)
        return Ciphertext("enc:" + plaintext.reveal()[::-1], "dek_1")

    async def decrypt(self, keyring: str, encrypted: str) -> Secret:
        self._ask(keyring)
        return Secret(encrypted.removeprefix("enc:")[::-1])

    async def encrypt_many(self, keyring: str, plaintexts: Mapping[str, Secret]) -> dict[str, Ciphertext]:
        return {name: await self.encrypt(keyring, text) for name, text in plaintexts.items()}

    async def decrypt_many(self, keyring: str, encrypted: Mapping[str, str]) -> dict[str, Secret]:
        return {name: await self.decrypt(keyring, text) for name, text in encrypted.items()}

    def _ask(self, keyring: str) -> None:
        if self.down:
            raise VaultUnavailable("Failed.", reason="unavailable", internal="turned off by the test")
        self.keyrings.append(keyring)


class Unthrottled:
    """Lets every workspace call as often as it wants."""

    async def admit(self, principal: Principal, headers: list[tuple[bytes, bytes]]) -> None:
        """Do nothing."""


class Unobserved:
    """Observers that ignore what they are told."""

    def store_called(self, operation: object, counters: int, seconds: float, failure: str | None) -> None:
        """Ignore."""

    def credit_replayed(self, *, success: bool, seconds: float) -> None:
        """Ignore."""
