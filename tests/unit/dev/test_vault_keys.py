"""The development vault's cryptography."""

from __future__ import annotations

import base64
import re
import secrets
import stat
from pathlib import Path

import pytest
from unkey_proto.vault.v1.object_pb import Encrypted

from tests.support.clock import FixedClock
from unkey_api.dev.vault_server import CannotDecrypt, VaultKeys, load_master_key


@pytest.fixture
def keys() -> VaultKeys:
    return VaultKeys(b"m" * 32, clock=FixedClock(5_000), random_bytes=secrets.token_bytes)


def test_what_was_encrypted_comes_back(keys: VaultKeys) -> None:
    assert keys.decrypt("ws_1", keys.encrypt("ws_1", "plain ü").encrypted) == "plain ü"
    assert keys.decrypt("ws_1", keys.encrypt("ws_1", "").encrypted) == ""


def test_the_envelope_is_the_vaults(keys: VaultKeys) -> None:
    sealed = keys.encrypt("ws_1", "plain")
    envelope = Encrypted.from_binary(base64.b64decode(sealed.encrypted))
    assert re.fullmatch(r"dek_[a-zA-Z0-9]{9}", sealed.key_id)
    assert envelope.encryption_key_id == sealed.key_id
    assert (len(envelope.nonce), len(envelope.ciphertext), envelope.time) == (12, len("plain") + 16, 5_000)


def test_encrypting_again_gives_another_text_under_the_same_key(keys: VaultKeys) -> None:
    first, second = keys.encrypt("ws_1", "plain"), keys.encrypt("ws_1", "plain")
    assert first.encrypted != second.encrypted
    assert first.key_id == second.key_id


def test_another_keyring_cannot_decrypt(keys: VaultKeys) -> None:
    sealed = keys.encrypt("ws_1", "plain")
    with pytest.raises(CannotDecrypt):
        keys.decrypt("ws_2", sealed.encrypted)


def test_another_keyring_cannot_decrypt_by_claiming_the_key_id(keys: VaultKeys) -> None:
    envelope = Encrypted.from_binary(base64.b64decode(keys.encrypt("ws_1", "plain").encrypted))
    envelope.encryption_key_id = keys.encrypt("ws_2", "x").key_id
    with pytest.raises(CannotDecrypt):
        keys.decrypt("ws_2", base64.b64encode(envelope.to_binary()).decode())


@pytest.mark.parametrize("part", ["nonce", "ciphertext"])
@pytest.mark.parametrize("position", [0, -1])
def test_a_changed_text_is_refused(keys: VaultKeys, part: str, position: int) -> None:
    envelope = Encrypted.from_binary(base64.b64decode(keys.encrypt("ws_1", "plain").encrypted))
    changed = bytearray(getattr(envelope, part))
    changed[position] ^= 1
    setattr(envelope, part, bytes(changed))
    with pytest.raises(CannotDecrypt):
        keys.decrypt("ws_1", base64.b64encode(envelope.to_binary()).decode())


@pytest.mark.parametrize("text", ["", "zz", "YmFk", "/w==", "AAAA", "not base64!"])
def test_nonsense_is_refused(keys: VaultKeys, text: str) -> None:
    with pytest.raises(CannotDecrypt):
        keys.decrypt("ws_1", text)


def test_the_master_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    first = load_master_key(file, clock=FixedClock(), random_bytes=secrets.token_bytes)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(first) == 32
    assert load_master_key(file, clock=FixedClock(), random_bytes=secrets.token_bytes) == first


def test_a_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    file.write_text(base64.b64encode(b"").decode())
    with pytest.raises(ValueError, match="32-byte"):
        load_master_key(file, clock=FixedClock(), random_bytes=secrets.token_bytes)
