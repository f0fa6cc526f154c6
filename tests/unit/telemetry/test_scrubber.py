"""Secrets are taken out of texts; ordinary texts stay as they are."""

from __future__ import annotations

import random

import pytest

from unkey_api.core.keymaterial import generate_key, generate_token
from unkey_api.core.secret import Secret
from unkey_api.infra.telemetry.scrubber import Scrubber


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer unkey_3ZhQ", "unkey_3ZhQ"),
        ("basic dXNlcjpwdw==", "dXNlcjpwdw"),
        ("mysql://unkey:pa:s@word@db:3306/unkey failed", "pa:s@word"),
        ("cannot open unkey:hunter2@tcp(db:3306)/unkey?parseTime=true", "hunter2"),
        ("redis://:hunter2@cache:6379", "hunter2"),
        ('{"password": "hunter2"}', "hunter2"),
        ("token=abc,next", "abc"),
        ("x-api-key: abc123", "abc123"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig_na-ture", "sig_na-ture"),
        ("key -----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY----- end", "MIIB"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIB cut", "MIIB"),
    ],
)
def test_what_looks_like_a_secret_is_replaced(text: str, secret: str) -> None:
    scrubbed = Scrubber().scrub(text)
    assert secret not in scrubbed
    assert "***" in scrubbed


def test_keys_and_tokens_of_ours_are_always_recognised() -> None:
    scrub = Scrubber().scrub
    source = random.Random(7).randbytes  # noqa: S311 - repeatable on purpose
    for length in (16, 24, 255):
        for prefix in ("", "sk_live", "unkey"):
            for _ in range(300):
                key = generate_key(source, byte_length=length, prefix=prefix).plaintext.reveal()
                assert key not in scrub(f"cannot verify {key}, sorry")
    for _ in range(300):
        token = generate_token(source).reveal()
        assert token not in scrub(f"code pst_{token} unusable")


@pytest.mark.parametrize(
    "text",
    [
        "POST /v2/keys.verifyKey",
        "req_aZ09aZ09a in ws_123456789",
        "mysql key_find_live_by_hash took 12 ms",
        "StoreUnavailableBecauseTransient: gone",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736",
        "1750000000000000000000",
        "https://unkey.com/docs/errors/unkey/data/key_not_found",
        "mail to someone@example.com: sent",
        "the token is missing",
    ],
)
def test_ordinary_texts_stay_as_they_are(text: str) -> None:
    assert Scrubber().scrub(text) == text


def test_known_secrets_are_replaced_wherever_they_occur() -> None:
    scrub = Scrubber([Secret("hunter2"), Secret("hunter2-and-more"), Secret("")]).scrub
    assert scrub("xhunter2y hunter2-and-more") == "x***y ***"


def test_short_known_secrets_do_not_garble_lines() -> None:
    assert Scrubber([Secret("root")]).scrub("root key") == "root key"


def test_scrubbing_twice_changes_nothing_more() -> None:
    scrub = Scrubber().scrub
    once = scrub("Bearer abc mysql://u:p@h token=abc")
    assert scrub(once) == once
