"""What looks like a secret is told from words, numbers and identifiers."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unkey_api.core.ids import IdPrefix, RandomIds
from unkey_api.core.secret import holds_secret, may_hold_secret, without_secrets

MASK = b"***"
SECRETS = [
    b"unkey_3ZZ7faUrkfv1YAhffAcnKW",
    b"3ZZ7faUrkfv1YAhffAcnKW",
    b"sk_live_51H8xyzABCdefGHI",
    b"0af7651916cd43dd8448eb211c80319c",
    hashlib.sha256(b"k").hexdigest().encode(),
    base64.b64encode(hashlib.sha256(b"k").digest()).rstrip(b"="),
    base64.urlsafe_b64encode(hashlib.sha512(b"k").digest()).rstrip(b"="),
    b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    b"2b-10-9JtqY4mqjDxkRzzZ3ZyVnO",
]
HARMLESS = [
    b"application/json",
    b"https://unkey.com/docs/errors/unkey/application/invalid_input",
    b"/unkey.keys.v2.KeysService/VerifyKey",
    b"unkey:v1:ws_aB3dE5gH7:projects/proj_aB3dE5gH7/apps/*#create_app",
    b"Missing one of these permissions: api.*.create_key or api.api_aB3dE5gH7.create_key",
    b"550e8400-e29b-41d4-a716-446655440000",
    b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0",
    b"1750000000123456789012",
    b"donaudampfschifffahrtsgesellschaft",
    b"a_rather_long_name_of_a_field_in_snake_case",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_go_wherever_they_stand(secret: bytes) -> None:
    text = b"cannot use '%b', really" % secret
    assert holds_secret(text)
    left = without_secrets(text, MASK)
    assert not [part for part in secret.split(b".") if part in left]
    assert left.startswith(b"cannot use '***")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: bytes) -> None:
    assert without_secrets(text, MASK) == text
    assert not holds_secret(text)


def test_identifiers_stay_also_in_paths() -> None:
    ids = RandomIds()
    for prefix in IdPrefix:
        for _ in range(50):
            text = b"/".join(ids.new(prefix).encode() for _ in range(6))
            assert without_secrets(text, MASK) == text


def test_two_runs_of_one_text_are_judged_apart() -> None:
    assert without_secrets(b"invalid_environment_settings 3ZZ7faUrkfv1YAhffAcnKW", MASK) == (
        b"invalid_environment_settings ***"
    )


@given(st.binary(max_size=200))
def test_repeating_changes_nothing_and_cleared_texts_hold_none(text: bytes) -> None:
    once = without_secrets(text, MASK)
    assert without_secrets(once, MASK) == once
    assert not holds_secret(once)
    if not may_hold_secret(text):
        assert once == text
