"""Making JSON Web Tokens and the key sets of their issuers."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.test"
SECRET = "a-secret-of-at-least-thirty-two-bytes"
NOW_S = 1_750_000_000


@cache
def rsa_key(name: str, *, bits: int = 2_048) -> rsa.RSAPrivateKey:
    """Return the RSA key of this name; making one takes a moment, so tests share them."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key of this name."""
    return ec.generate_private_key(ec.SECP256R1())


def claims(**changes: object) -> dict[str, Any]:
    """Return the claims of a good token with changes; None takes a claim out."""
    good: dict[str, object] = {
        "iss": ISSUER,
        "sub": "user_1",
        "exp": NOW_S + 60,
        "iat": NOW_S - 60,
        "org": {"id": "org_1"},
        "permissions": ["api.*.read_api"],
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def shared_token(secret: str = SECRET, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return a token signed with HS256. Any: claims of all kinds."""
    return jwt.encode(claims(**changes), secret, algorithm="HS256", headers=header)


def signed_token(name: str, *, kid: str | None = "", algorithm: str = "RS256", **changes: object) -> str:
    """Return a token signed with the key of this name, which is also its `kid` unless another, or None, is given."""
    key = rsa_key(name) if algorithm == "RS256" else ec_key(name)
    headers = {} if kid is None else {"kid": kid or name}
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)


def jwk(name: str, *, algorithm: str = "RS256", **changes: object) -> dict[str, object]:
    """Return the public half of a key as an entry of a key set; None takes a member out."""
    if algorithm == "RS256":
        entry = RSAAlgorithm.to_jwk(rsa_key(name).public_key(), as_dict=True)
    else:
        entry = ECAlgorithm.to_jwk(ec_key(name).public_key(), as_dict=True)
    entry.pop("key_ops", None)
    merged = {**entry, "kid": name, "use": "sig", "alg": algorithm, **changes}
    return {member: value for member, value in merged.items() if value is not None}


def key_set(*entries: dict[str, object]) -> bytes:
    """Return a JSON Web Key Set."""
    return orjson.dumps({"keys": entries})


def encoded(part: object) -> str:
    """Return a part of a token: JSON in unpadded base64url."""
    return base64.urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=")


@dataclass
class Issuer:
    """Stands for the key set of an issuer: counts fetches and answers, fails or keeps waiting as told."""

    document: bytes = b""
    failure: Exception | None = None
    fetches: int = 0
    waits: Any = None  # an asyncio.Event, made by the test
    seen: list[str] = field(default_factory=list)

    async def fetch(self) -> bytes:
        """Return the document."""
        self.fetches += 1
        if self.waits is not None:
            await self.waits.wait()
        if self.failure is not None:
            raise self.failure
        return self.document
