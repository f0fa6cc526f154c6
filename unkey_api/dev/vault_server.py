"""The development vault: vault.v1 over Connect, with keys from one file.

UNKEY_DEV_VAULT_TOKEN=... python -m unkey_api.dev.vault_server --key FILE --port PORT
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from unkey_proto.vault.v1.object_pb import Algorithm, Encrypted, KeyEncryptionKey
from unkey_proto.vault.v1.service_connect import VaultService, VaultServiceASGIApplication
from unkey_proto.vault.v1.service_pb import (
    DecryptBulkRequest,
    DecryptBulkResponse,
    DecryptRequest,
    DecryptResponse,
    EncryptBulkRequest,
    EncryptBulkResponse,
    EncryptBulkResponseItem,
    EncryptRequest,
    EncryptResponse,
    LivenessRequest,
    LivenessResponse,
)

from unkey_api.core.clock import Clock, SystemClock
from unkey_api.core.ids import ALPHABET

NONCE_BYTES = 12
KEY_BYTES = 32
KEY_ID_LENGTH = 9


class CannotDecrypt(Exception):
    """The text is no envelope, was made with another key, or was changed. Says no more, on purpose."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted text and the id of the key it was encrypted with."""

    encrypted: str
    key_id: str


class VaultKeys:
    """Encrypt and decrypt texts per keyring with AES-256-GCM."""

    def __init__(self, master: bytes, *, clock: Clock, random_bytes: Callable[[int], bytes]) -> None:
        self._master = master
        self._clock = clock
        self._random_bytes = random_bytes

    def encrypt(self, keyring: str, plaintext: str) -> Sealed:
        """Return the envelope of `plaintext`; a different one each time."""
        key_id, key = self._data_key(keyring)
        nonce = self._random_bytes(NONCE_BYTES)
        envelope = Encrypted(
            algorithm=Algorithm.AES_256_GCM,
            nonce=nonce,
            ciphertext=AESGCM(key).encrypt(nonce, plaintext.encode(), None),
            encryption_key_id=key_id,
            time=self._clock.now_ms(),
        )
        return Sealed(base64.b64encode(envelope.to_binary()).decode(), key_id)

    def decrypt(self, keyring: str, encrypted: str) -> str:
        """Return the text in an envelope that `encrypt` made for the same keyring.

        Raises:
            CannotDecrypt: Anything else.
        """
        key_id, key = self._data_key(keyring)
        try:
            envelope = Encrypted.from_binary(base64.b64decode(encrypted, validate=True))
            if envelope.encryption_key_id != key_id or envelope.algorithm is not Algorithm.AES_256_GCM:
                raise CannotDecrypt("made with another key")
            return AESGCM(key).decrypt(envelope.nonce, envelope.ciphertext, None).decode()
        except (ValueError, InvalidTag, binascii.Error) as error:
            raise CannotDecrypt("not an envelope of this vault") from error

    def _data_key(self, keyring: str) -> tuple[str, bytes]:
        """Return id and key of a keyring, derived, so that there is nothing to store and nothing to lose."""
        key = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"keyring:" + keyring.encode()).derive(self._master)
        digest = hashlib.sha256(b"id:" + key).digest()
        return "dek_" + "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:KEY_ID_LENGTH]), key


def load_master_key(file: Path, *, clock: Clock, random_bytes: Callable[[int], bytes]) -> bytes:
    """Return the master key in `file`, making the file, readable by its owner only, when there is none.

    Raises:
        ValueError: The file does not hold a master key.
    """
    if not file.exists():
        fresh = KeyEncryptionKey(id="kek_development", created_at=clock.now_ms(), key=random_bytes(KEY_BYTES))
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(base64.b64encode(fresh.to_binary()).decode() + "\n")
    key = KeyEncryptionKey.from_binary(base64.b64decode(file.read_text(), validate=False)).key
    if len(key) != KEY_BYTES:
        raise ValueError(f"{file} does not hold a 32-byte master key")
    return key


TOKEN_VARIABLE = "UNKEY_DEV_VAULT_TOKEN"  # noqa: S105 - a name, not a token
Context = RequestContext[Any, Any]  # generic over the messages of a method, and we serve them all


class Vault(VaultService):
    """Serve vault.v1.VaultService."""

    def __init__(self, keys: VaultKeys) -> None:
        self._keys = keys

    async def liveness(self, request: LivenessRequest, ctx: Context) -> LivenessResponse:
        """Say that the vault is up."""
        del request, ctx
        return LivenessResponse(status="ok")

    async def encrypt(self, request: EncryptRequest, ctx: Context) -> EncryptResponse:
        """Encrypt one text."""
        del ctx
        sealed = self._keys.encrypt(request.keyring, request.data)
        return EncryptResponse(encrypted=sealed.encrypted, key_id=sealed.key_id)

    async def encrypt_bulk(self, request: EncryptBulkRequest, ctx: Context) -> EncryptBulkResponse:
        """Encrypt texts by id."""
        del ctx
        sealed = {name: self._keys.encrypt(request.keyring, text) for name, text in request.items.items()}
        items = {
            name: EncryptBulkResponseItem(encrypted=one.encrypted, key_id=one.key_id) for name, one in sealed.items()
        }
        return EncryptBulkResponse(items=items)

    async def decrypt(self, request: DecryptRequest, ctx: Context) -> DecryptResponse:
        """Decrypt one text."""
        del ctx
        plaintext = self._decrypt(request.keyring, request.encrypted, Code.INVALID_ARGUMENT)
        return DecryptResponse(plaintext=plaintext)

    async def decrypt_bulk(self, request: DecryptBulkRequest, ctx: Context) -> DecryptBulkResponse:
        """Decrypt texts by id, all or none."""
        del ctx
        items = {
            name: self._decrypt(request.keyring, text, Code.INTERNAL, f" of item {name}")
            for name, text in request.items.items()
        }
        return DecryptBulkResponse(items=items)

    def _decrypt(self, keyring: str, encrypted: str, code: Code, what: str = "") -> str:
        try:
            return self._keys.decrypt(keyring, encrypted)
        except CannotDecrypt as error:
            raise ConnectError(code, f"failed to decrypt{what}: {error}") from error


class RequireToken:
    """Refuse calls that do not show the token, except the liveness probe. Runs before the body is read."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def on_start(self, ctx: Context) -> None:
        """Check the header."""
        shown = (ctx.request_headers.get("authorization") or "").encode()
        if ctx.method.name != "Liveness" and not hmac.compare_digest(shown, self._expected):
            raise ConnectError(Code.UNAUTHENTICATED, "a bearer token is required")

    async def on_end(self, token: None, ctx: Context, error: Exception | None) -> None:
        """Nothing to do."""


def application(keys: VaultKeys, token: str) -> Starlette:
    """Return the ASGI application: the service, and probes over plain HTTP."""

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("OK")

    probes = [Route(f"/health/{name}", healthy) for name in ("live", "ready", "startup")]
    return Starlette(
        routes=[*probes, Mount("/", VaultServiceASGIApplication(Vault(keys), interceptors=[RequireToken(token)]))]
    )


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="A vault for development")
    parser.add_argument("--key", type=Path, required=True, help="file with the master key; made when absent")
    parser.add_argument("--port", type=int, required=True, help="loopback port")
    options = parser.parse_args()
    clock = SystemClock()
    master = load_master_key(options.key, clock=clock, random_bytes=secrets.token_bytes)
    keys = VaultKeys(master, clock=clock, random_bytes=secrets.token_bytes)
    uvicorn.run(
        application(keys, os.environ[TOKEN_VARIABLE]),
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
