"""The development vault: vault.v1 over Connect, with keys from one file.

UNKEY_DEV_VAULT_TOKEN=... python -m unkey_api.dev.vault_server --key FILE --port PORT
"""

from __future__ import annotations

import argparse
import hmac
import os
import secrets
from pathlib import Path
from typing import Any

import uvicorn
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
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

from unkey_api.core.clock import SystemClock
from unkey_api.dev.vault_keys import CannotDecrypt, VaultKeys, load_master_key

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
