"""JSON Web Tokens: taking one apart, and judging what it claims. Signatures are checked elsewhere."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from unkey_api.core.errors import AppError, ErrorCode

TEXT_BYTES_MAX = 255
AUDIENCES_MAX = 10
SECONDS_MAX = 1 << 53  # beyond it a double, which is what a number of JSON is to most issuers, skips whole seconds
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", re.ASCII)

Json = Mapping[str, Any]  # values of a JSON object


class TokenInvalid(AppError):
    """The token is no good. The caller never learns why; `internal` says it."""

    code = ErrorCode.AUTHENTICATION_MALFORMED

    def __init__(self, internal: str) -> None:
        super().__init__("Invalid bearer token.", internal=internal)


@dataclass(frozen=True, slots=True)
class Token:
    """A token whose signature nobody has checked yet."""

    algorithm: str
    key_id: str | None
    """The `kid` of the header; None when it names no key."""
    signed: bytes
    """What the signature covers."""
    signature: bytes
    payload: str
    """Still encoded: nothing reads it before the signature is known to be good."""


def read_token(text: str, algorithms: frozenset[str]) -> Token:
    """Take a token apart.

    Raises:
        TokenInvalid: It is not three parts of unpadded base64url, its header is not a JSON object, or names another
            algorithm than these.
    """
    if _FORM.fullmatch(text) is None:
        raise TokenInvalid("not three parts of base64url")
    signed, _, signature = text.rpartition(".")
    head, _, payload = signed.partition(".")
    header = _object(head, "header")
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise TokenInvalid("signed with another algorithm than expected")
    if "crit" in header:
        raise TokenInvalid("needs an extension we do not know")  # RFC 7515 4.1.11: then it must be refused
    if key_id is not None and not isinstance(key_id, str):
        raise TokenInvalid("kid is not text")
    return Token(algorithm, key_id or None, signed.encode(), _decode(signature, "signature"), payload)


class Expectation(NamedTuple):
    """What a token has to claim."""

    issuer: str
    audience: str
    """Empty when any audience, or none, will do."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says about its holder."""

    subject: str
    name: str
    organization: str
    permissions: tuple[str, ...]
    """As the issuer spells them, in its order."""


def read_claims(token: Token, expected: Expectation, *, now_s: int) -> Claims:
    """Judge the claims of a token whose signature is good, and return what matters of them.

    Args:
        token: With its payload still encoded.
        expected: Who must have issued it, and for whom.
        now_s: Unix time in seconds; there is no leeway.

    Raises:
        TokenInvalid: A claim is malformed, too long or missing; or the token is expired, not valid yet, of another
            issuer, or for another audience.
    """
    payload = _object(token.payload, "payload")
    _refuse_sizes(payload)
    # Whole seconds of our clock: the one an expiry lies in still counts, the one a beginning lies in does not yet.
    expires, issued = math.floor(_seconds(payload, "exp")), _seconds(payload, "iat")
    if expires and now_s > expires:
        raise TokenInvalid("expired")
    if now_s < math.ceil(_seconds(payload, "nbf")):
        raise TokenInvalid("not valid yet")
    if _text(payload, "iss") != expected.issuer:
        raise TokenInvalid("of another issuer")
    if expected.audience and expected.audience not in _audiences(payload):
        raise TokenInvalid("for another audience")
    user, organization = _inner(payload, "user"), _inner(payload, "org")
    subject, org_id = _text(payload, "sub") or _text(user, "id"), _text(organization, "id")
    if not subject or not org_id or not expires or not issued:
        raise TokenInvalid("lacks a subject, an organization, an expiry or its time of issue")
    name = _text(payload, "name") or _text(user, "email") or subject
    for claim, text in (("user.id", subject), ("org.id", org_id), ("name", name)):
        _refuse_long(claim, text)
    return Claims(subject, name, org_id, _texts(payload, "perms") or _texts(payload, "permissions"))


def _refuse_sizes(payload: Json) -> None:
    for claim in ("iss", "sub", "jti"):
        _refuse_long(claim, _text(payload, claim))
    audiences = _audiences(payload)
    if len(audiences) > AUDIENCES_MAX:
        raise TokenInvalid("aud has too many entries")
    for audience in audiences:
        _refuse_long("aud", audience)


def _audiences(payload: Json) -> tuple[str, ...]:
    """Return for whom the token is: a list, or, as most issuers write it, a single text (RFC 7519 4.1.3)."""
    audience = payload.get("aud")
    return (audience,) if isinstance(audience, str) else _texts(payload, "aud")


def _refuse_long(claim: str, text: str) -> None:
    if len(text.encode()) > TEXT_BYTES_MAX:
        raise TokenInvalid(f"{claim} is too long")


def _text(claims: Json, name: str) -> str:
    value = claims.get(name)
    if value is not None and not isinstance(value, str):
        raise TokenInvalid(f"{name} is not text")
    return value or ""


def _texts(claims: Json, name: str) -> tuple[str, ...]:
    value = claims.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TokenInvalid(f"{name} is not a list of texts")
    return tuple(value)


def _seconds(claims: Json, name: str) -> float:
    """Return a point in Unix seconds, which may have a fraction (RFC 7519 2, NumericDate); 0 when it is absent."""
    value = claims.get(name)
    if value is None:
        return 0
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TokenInvalid(f"{name} is not a number")
    if not 0 <= value <= SECONDS_MAX:
        raise TokenInvalid(f"{name} is out of range")
    return value


def _inner(claims: Json, name: str) -> Json:
    value = claims.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TokenInvalid(f"{name} is not an object")
    return value


def _object(encoded: str, part: str) -> Json:
    try:
        value = orjson.loads(_decode(encoded, part))
    except orjson.JSONDecodeError as err:
        raise TokenInvalid(f"the {part} is not JSON") from err
    if not isinstance(value, dict):
        raise TokenInvalid(f"the {part} is not an object")
    return value


def _decode(encoded: str, part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError as err:
        raise TokenInvalid(f"the {part} is not base64url") from err
