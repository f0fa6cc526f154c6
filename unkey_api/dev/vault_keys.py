"""The cryptography of the development vault: one master key in a file, one derived key per keyring."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from unkey_proto.vault.v1.object_pb import Algorithm, Encrypted, KeyEncryptionKey

from unkey_api.core.clock import Clock
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
