"""Secrets are taken out of texts; ordinary texts stay as they are."""

from __future__ import annotations

import random
import time

import pytest

from unkey_api.core.keymaterial import generate_key, generate_token
from unkey_api.core.secret import Secret
from unkey_api.core.text import shorten
from unkey_api.infra.telemetry.processors import TEXT_CHARS_MAX, Scrubber


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


HOSTILE = [
    *(
        "a",
        "a-",
        "-",
        " ",
        " \t",
        "@",
        " @",
        "a:@",
        "a:b@tc",
        "@tcp",
        "a@tcpx ",
        "://a:",
        "a://b:c@",
        "aB2",
        "Abc",
        "=:",
    ),
    *("token", "token a-", "secret x-y_", "password-", 'token="', "token='", "token= ", "api_", "api_key", "bearer "),
    *("eyJ", "eyJ-", "eyJa.", "-----BEGIN ", "-----BEGIN A-----", "-----END A", "é"),
]
BEFORE = ["", "@ ", "token ", "eyJ ", "-----BEGIN A-----", "a:x@tcp"]


@pytest.mark.parametrize("repeated", HOSTILE)
def test_time_grows_with_the_text_and_not_with_its_square(repeated: str) -> None:
    scrub = Scrubber(text_chars_max=1_000_000).scrub

    def seconds(length: int) -> float:
        texts = [before + repeated * (length // len(repeated)) for before in BEFORE]
        started = time.process_time()
        for text in texts:
            scrub(text)
        return time.process_time() - started

    # Twice as much for twice the text; four times and more would be the square. Small ones are noise.
    # The least of several: a collection or a busy machine in the middle of one is not what the text costs.
    short = min(seconds(32_000) for _ in range(2))
    assert min(seconds(64_000) for _ in range(2)) < 3 * short + 0.2


class TestLongTexts:
    def test_only_the_beginning_is_kept_and_the_length_told(self) -> None:
        scrubbed = Scrubber().scrub("word " * 100_000)
        assert len(scrubbed) < 2_100
        assert scrubbed.endswith("… [500000 characters]")

    @pytest.mark.parametrize("filler", ["/", "a ", "/v2/keys/"])
    def test_a_key_that_would_be_cut_is_left_out(self, filler: str) -> None:
        key = generate_key(random.Random(7).randbytes, byte_length=24, prefix="").plaintext.reveal()  # noqa: S311 - repeatable
        beginning = filler * (TEXT_CHARS_MAX // len(filler))
        for shift in range(1, 40):
            text = beginning[:-shift] + "/" + key
            assert key[:6] not in Scrubber().scrub(text + "/" + "x" * 5_000)

    def test_short_texts_stay_whole(self) -> None:
        assert shorten("x" * 256) == "x" * 256
        assert shorten("/" * 300).startswith("/" * 256 + "… [300")
