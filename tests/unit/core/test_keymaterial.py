"""Keys and tokens we hand out."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable

import base58
import pytest

from unkey_api.core.error_code import ErrorCode
from unkey_api.core.errors import ServiceUnavailable
from unkey_api.core.keymaterial import (
    KeyLengthOutOfRange,
    generate_key,
    generate_token,
    hash_key,
    read_prefixed_api_key,
)

ALL = re.compile(r"[1-9A-HJ-NP-Za-km-z]+")


def fixed(data: bytes) -> Callable[[int], bytes]:
    """Answer every request with these bytes, which must be exactly as many as wanted."""

    def source(count: int) -> bytes:
        assert count == len(data)
        return data

    return source


def broken(count: int) -> bytes:
    raise OSError(count)


class TestGenerateKey:
    def test_prefix_encoding_start_and_hash(self) -> None:
        data = bytes(range(1, 17))
        made = generate_key(fixed(data), byte_length=16, prefix="my_app")
        encoded = base58.b58encode(data).decode()
        assert made.plaintext.reveal() == f"my_app_{encoded}"
        assert made.start == f"my_app_{encoded[:4]}"
        assert made.hash == base64.b64encode(hashlib.sha256(f"my_app_{encoded}".encode()).digest()).decode()

    def test_without_prefix_there_is_no_underscore(self) -> None:
        made = generate_key(secrets.token_bytes, byte_length=16)
        assert ALL.fullmatch(made.plaintext.reveal())
        assert made.start == made.plaintext.reveal()[:4]

    def test_each_leading_zero_byte_is_a_one(self) -> None:
        made = generate_key(fixed(bytes(3) + b"\xff" * 13), byte_length=16)
        assert re.match(r"111[^1]", made.plaintext.reveal())

    @pytest.mark.parametrize("length", [16, 255])
    def test_bounds_are_accepted(self, length: int) -> None:
        made = generate_key(secrets.token_bytes, byte_length=length)
        assert len(base58.b58decode(made.plaintext.reveal())) == length

    @pytest.mark.parametrize("length", [15, 256, 0, -1])
    def test_out_of_range_is_an_assertion(self, length: int) -> None:
        with pytest.raises(KeyLengthOutOfRange, match=str(length)) as caught:
            generate_key(secrets.token_bytes, byte_length=length)
        assert caught.value.public == "Invalid key byte length. Must be between 16 and 255 bytes."
        assert caught.value.code is ErrorCode.APPLICATION_ASSERTION_FAILED

    def test_failing_random_source_is_an_outage(self) -> None:
        with pytest.raises(ServiceUnavailable):
            generate_key(broken, byte_length=16)

    def test_plaintext_does_not_print(self) -> None:
        made = generate_key(secrets.token_bytes, byte_length=16)
        assert made.plaintext.reveal() not in repr(made)


class TestHashKey:
    def test_is_padded_standard_base64_of_44_characters(self) -> None:
        assert hash_key("hello") == "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="


class TestGenerateToken:
    def test_default_is_24_letters_and_digits(self) -> None:
        assert re.fullmatch(r"[a-zA-Z0-9]{24}", generate_token(secrets.token_bytes).reveal())

    def test_bytes_from_248_on_are_drawn_again(self) -> None:
        drawn = iter([b"\xf8\xff\x00\xf7", b"\xf9\x01", b"\x02"])
        assert generate_token(lambda _: next(drawn), length=4).reveal() == "a9bc"

    def test_failing_random_source_is_an_outage(self) -> None:
        with pytest.raises(ServiceUnavailable):
            generate_token(broken)


class TestPrefixedApiKey:
    def test_hash_is_of_the_long_token_and_start_shows_four_characters(self) -> None:
        read = read_prefixed_api_key("my_app_BRTRKFsL_51FwqftsmMDHHbJAMEXXHCgG")
        assert read is not None
        assert read.start == "my_app_BRTR"
        assert read.hash == hashlib.sha256(b"51FwqftsmMDHHbJAMEXXHCgG").hexdigest()

    def test_short_rest_is_shown_whole(self) -> None:
        read = read_prefixed_api_key("re_a_b")
        assert read is not None
        assert read.start == "re_a_b"

    @pytest.mark.parametrize("text", ["", "plain", "one_two"])
    def test_fewer_than_three_parts_is_none(self, text: str) -> None:
        assert read_prefixed_api_key(text) is None
