"""Secrets we hand out: customer keys and tokens, and the digests we keep instead of them.

Randomness is passed in as a function from a byte count to bytes; production passes `secrets.token_bytes`.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import base58

from unkey_api.core.error_code import ErrorCode
from unkey_api.core.errors import AppError, ServiceUnavailable
from unkey_api.core.ids import ALPHABET, KeyHash
from unkey_api.core.secret import Secret

RandomBytes: TypeAlias = Callable[[int], bytes]
"""Returns as many cryptographically random bytes as asked for."""

KEY_BYTES_MIN = 16
KEY_BYTES_MAX = 255
SHOWN_CHARACTERS = 4  # enough to tell keys apart in a list, 23 bits of at least 128
TOKEN_LENGTH = 24


class KeyLengthOutOfRange(AppError):
    """A key of a length we do not make was asked for; a stored default is wrong."""

    code = ErrorCode.APPLICATION_ASSERTION_FAILED


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """A fresh key: what the customer gets once, and what we keep."""

    plaintext: Secret
    start: str
    """Prefix and first characters, for display."""
    hash: KeyHash


@dataclass(frozen=True, slots=True)
class PrefixedApiKey:
    """A key in the format of the prefixed-api-key library, as far as migration needs it."""

    start: str
    """Prefix and first characters of what follows it."""
    hash: KeyHash
    """Lower-case hexadecimal SHA-256 of the long token."""


def generate_key(random_bytes: RandomBytes, *, byte_length: int, prefix: str = "") -> KeyMaterial:
    """Make a key of `byte_length` random bytes (16 to 255), in Base58 behind an optional prefix.

    Raises:
        KeyLengthOutOfRange: `byte_length` is out of range.
        ServiceUnavailable: The random source failed.
    """
    if not KEY_BYTES_MIN <= byte_length <= KEY_BYTES_MAX:
        raise KeyLengthOutOfRange(
            f"Invalid key byte length. Must be between {KEY_BYTES_MIN} and {KEY_BYTES_MAX} bytes.",
            internal=f"key byte length {byte_length}",
        )
    encoded = base58.b58encode(_draw(random_bytes, byte_length)).decode("ascii")
    lead = f"{prefix}_" if prefix else ""
    text = lead + encoded
    return KeyMaterial(Secret(text), lead + encoded[:SHOWN_CHARACTERS], hash_key(text))


def hash_key(text: str) -> KeyHash:
    """Return the padded standard Base64 of the SHA-256 of a whole key; always 44 characters."""
    digest = hashlib.sha256(text.encode()).digest()
    return KeyHash(binascii.b2a_base64(digest, newline=False).decode("ascii"))


def read_prefixed_api_key(text: str) -> PrefixedApiKey | None:
    """Take a `<prefix>_<short>_<long>` key apart. Returns None for fewer than three parts; the prefix may hold `_`."""
    parts = text.rsplit("_", 2)
    if len(parts) < 3:
        return None
    prefix, short, long = parts
    shown = f"{short}_{long}"[:SHOWN_CHARACTERS]
    return PrefixedApiKey(f"{prefix}_{shown}", KeyHash(hashlib.sha256(long.encode()).hexdigest()))


def generate_token(random_bytes: RandomBytes, *, length: int = TOKEN_LENGTH) -> Secret:
    """Make a secret of `length` characters out of `[a-zA-Z0-9]`, each equally likely.

    Raises:
        ServiceUnavailable: The random source failed.
    """
    # Bytes past the largest multiple of 62 would make the first letters likelier, so they are thrown away.
    fair = 256 - 256 % len(ALPHABET)
    picked: list[str] = []
    while len(picked) < length:
        drawn = _draw(random_bytes, length - len(picked))
        picked.extend(ALPHABET[byte % len(ALPHABET)] for byte in drawn if byte < fair)
    return Secret("".join(picked))


def _draw(random_bytes: RandomBytes, count: int) -> bytes:
    try:
        return random_bytes(count)
    except OSError as err:
        raise ServiceUnavailable("Failed to generate a secret.", internal="the random source failed") from err
