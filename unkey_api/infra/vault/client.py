"""The vault over Connect (vault.v1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar

from connectrpc.errors import ConnectError
from unkey_proto.vault.v1.service_connect import VaultServiceClient
from unkey_proto.vault.v1.service_pb import (
    DecryptBulkRequest,
    DecryptRequest,
    EncryptBulkRequest,
    EncryptRequest,
)

from unkey_api.core.secret import Secret
from unkey_api.infra.connect.bearer import BearerToken
from unkey_api.infra.vault.port import Ciphertext, VaultUnavailable

Answer = TypeVar("Answer")

DEADLINE = timedelta(seconds=5)  # well below a request's own; the vault is told, so that it can give up too


class ConnectVault:
    """A `VaultClient` that calls a vault.v1 server."""

    def __init__(self, client: VaultServiceClient, *, deadline: timedelta = DEADLINE) -> None:
        self._client = client
        self._deadline_ms = int(deadline.total_seconds() * 1000)

    async def encrypt(self, keyring: str, plaintext: Secret) -> Ciphertext:
        """See `VaultClient`."""
        request = EncryptRequest(keyring=keyring, data=plaintext.reveal())
        answer = await _answered("encrypt", self._client.encrypt(request, timeout_ms=self._deadline_ms))
        return Ciphertext(answer.encrypted, answer.key_id)

    async def encrypt_many(self, keyring: str, plaintexts: Mapping[str, Secret]) -> dict[str, Ciphertext]:
        """See `VaultClient`."""
        if not plaintexts:
            return {}
        items = {name: text.reveal() for name, text in plaintexts.items()}
        request = EncryptBulkRequest(keyring=keyring, items=items)
        answer = await _answered("encrypt", self._client.encrypt_bulk(request, timeout_ms=self._deadline_ms))
        return _complete(
            plaintexts, {name: Ciphertext(item.encrypted, item.key_id) for name, item in answer.items.items()}
        )

    async def decrypt(self, keyring: str, encrypted: str) -> Secret:
        """See `VaultClient`."""
        request = DecryptRequest(keyring=keyring, encrypted=encrypted)
        answer = await _answered("decrypt", self._client.decrypt(request, timeout_ms=self._deadline_ms))
        return Secret(answer.plaintext)

    async def decrypt_many(self, keyring: str, encrypted: Mapping[str, str]) -> dict[str, Secret]:
        """See `VaultClient`."""
        if not encrypted:
            return {}
        request = DecryptBulkRequest(keyring=keyring, items=dict(encrypted))
        answer = await _answered("decrypt", self._client.decrypt_bulk(request, timeout_ms=self._deadline_ms))
        return _complete(encrypted, {name: Secret(text) for name, text in answer.items.items()})


async def _answered(verb: str, call: Awaitable[Answer]) -> Answer:
    """Wait for the answer and translate failures. The server's message may name items, never their texts."""
    try:
        return await call
    except ConnectError as error:
        raise VaultUnavailable(
            f"Failed to {verb} in vault.",
            reason=error.code.value,
            internal=f"vault {verb}: {error.code.value}: {error.message}",
        ) from error


def _complete(asked: Mapping[str, object], answers: dict[str, Answer]) -> dict[str, Answer]:
    if answers.keys() != asked.keys():
        raise VaultUnavailable(
            "The vault gave an incomplete answer.",
            reason="internal",
            internal=f"vault answered {len(answers)} of {len(asked)} items",
        )
    return answers


@asynccontextmanager
async def open_vault(url: str, token: Secret) -> AsyncIterator[ConnectVault]:
    """Open a client for the vault at `url`. Connects with the first call; trailing slashes of the URL do not matter."""
    interceptors = [BearerToken(token)]
    async with VaultServiceClient(url.rstrip("/"), send_compression=None, interceptors=interceptors) as client:
        yield ConnectVault(client)
