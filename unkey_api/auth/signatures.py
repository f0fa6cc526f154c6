"""Which algorithms we check, and with what kind of key. The kind of key decides the algorithm, never the token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from unkey_api.auth.token import Token, TokenInvalid
from unkey_api.core.secret import Secret

HS256 = "HS256"
RS256 = "RS256"
ES256 = "ES256"
RSA_BITS_MIN = 2_048  # RFC 7518 3.3; shorter ones can be factored by those who want to
SHARED = frozenset({HS256})
PUBLISHED = frozenset({RS256, ES256})

_HMAC = HMACAlgorithm(HMACAlgorithm.SHA256)
_RSA = RSAAlgorithm(RSAAlgorithm.SHA256)
_EC = ECAlgorithm(ECAlgorithm.SHA256)

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class PublicKey(NamedTuple):
    """A key of an issuer."""

    key_id: str | None
    algorithm: str
    key: Any  # RSA or elliptic curve, as PyJWT has made it

    def signed(self, token: Token) -> bool:
        """Say whether this key made the signature."""
        if token.algorithm != self.algorithm:
            return False
        verify = _RSA.verify if self.algorithm == RS256 else _EC.verify
        return verify(token.signed, self.key, token.signature)


class UnusableKeySet(Exception):
    """The document of an issuer is not a key set, or has no key we can use. The message says which."""


def read_key_set(document: bytes) -> tuple[PublicKey, ...]:
    """Return the keys of a JSON Web Key Set that may sign tokens, in their order; others are skipped.

    Usable are RSA keys of at least 2,048 bits for RS256, and P-256 keys for ES256, unless `use` or `alg` say otherwise.

    Raises:
        UnusableKeySet: There is none.
    """
    try:
        found = orjson.loads(document)
    except orjson.JSONDecodeError as err:
        raise UnusableKeySet("the key set is not JSON") from err
    entries = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise UnusableKeySet("the document is not a key set")
    keys = tuple(key for entry in entries if isinstance(entry, dict) and (key := _public_key(entry)) is not None)
    if not keys:
        raise UnusableKeySet("the key set has no usable key")
    return keys


def _public_key(entry: Mapping[str, Any]) -> PublicKey | None:  # values of a JSON object
    # Only the public members are passed on, so that a private key published by mistake works as its public half.
    match entry:
        case {"kty": "RSA", "n": str(n), "e": str(e)}:
            algorithm, members = RS256, {"kty": "RSA", "n": n, "e": e}
        case {"kty": "EC", "crv": "P-256", "x": str(x), "y": str(y)}:
            algorithm, members = ES256, {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        case _:
            return None
    key_id = entry.get("kid")
    if entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
        return None
    if key_id is not None and not isinstance(key_id, str):
        return None
    try:
        key = RSAAlgorithm.from_jwk(members) if algorithm == RS256 else ECAlgorithm.from_jwk(members)
    except (PyJWTError, ValueError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < RSA_BITS_MIN:
        _log.warning("ignored an RSA key of the token issuer that is too short", size=key.key_size)
        return None
    return PublicKey(key_id or None, algorithm, key)


class SharedSecrets:
    """HS256 with secrets the issuer and we share. Satisfies `TokenKeys`."""

    algorithms = SHARED

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._secrets = tuple(secret.reveal().encode() for secret in secrets)

    async def verify(self, token: Token) -> None:
        """Return when one of the secrets made the signature.

        Raises:
            TokenInvalid: None did.
        """
        if not self.has_signed(token):
            raise TokenInvalid("signed with none of the secrets")

    def has_signed(self, token: Token) -> bool:
        """Say whether one of the secrets made the signature."""
        return any(_HMAC.verify(token.signed, secret, token.signature) for secret in self._secrets)
