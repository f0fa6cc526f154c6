"""The vault, over Connect (vault.v1): encrypts what only it can read back.

Nothing is cached and nothing is tried twice: the caller's deadline is the only bound, and a failure is reported as
`VaultUnavailable`, whatever its kind. Plaintexts travel as `Secret` and never appear in an error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from unkey_proto.vault.v1.service_connect import VaultServiceClient
from unkey_proto.vault.v1.service_pb import (
    DecryptBulkRequest,
    DecryptRequest,
    EncryptBulkRequest,
    EncryptRequest,
)

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


Request = TypeVar("Request")
Response = TypeVar("Response")
Context = RequestContext[Any, Any]  # generic over the messages of a method, and we serve them all


class BearerToken:
    """A client interceptor that adds `Authorization: Bearer <token>`; an empty token adds nothing."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    async def intercept_unary(
        self, call_next: Callable[[Request, Context], Awaitable[Response]], request: Request, ctx: Context, /
    ) -> Response:
        """Add the header and go on."""
        if self._token:
            ctx.request_headers["authorization"] = f"Bearer {self._token.reveal()}"
        return await call_next(request, ctx)


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
