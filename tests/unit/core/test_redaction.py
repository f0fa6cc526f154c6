"""Secrets leave stored bodies; everything else stays byte for byte."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unkey_api.core.redaction import Redactor

PATHS = ["key", "data.key", "data.plaintext", "data[].plaintext", "variables[].value"]
M = b'"[REDACTED]"'


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(PATHS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"key":"s3cret"}', b'{"key":' + M + b"}"),
        (b'{ "key" : "s3cret" , "a": 1}', b'{ "key" : ' + M + b' , "a": 1}'),
        (b'{"data":{"key":"s","name":"n"}}', b'{"data":{"key":' + M + b',"name":"n"}}'),
        (b'{"data":{"nested":{"key":"fine"}}}', b'{"data":{"nested":{"key":"fine"}}}'),
        (b'{"other":{"key":"fine"}}', b'{"other":{"key":"fine"}}'),
        (
            b'{"data":[{"plaintext":"a"},{"plaintext":"b"}]}',
            b'{"data":[{"plaintext":' + M + b'},{"plaintext":' + M + b"}]}",
        ),
        (b'{"key":"a","key":"b"}', b'{"key":' + M + b',"key":' + M + b"}"),
        (b'{"key":{"deep":["s"]},"b":2}', b'{"key":' + M + b',"b":2}'),
        (b'{"key":[1,{"x":"s"}]}', b'{"key":' + M + b"}"),
        (b'{"key":"s","note":"s"}', b'{"key":' + M + b',"note":"s"}'),
        (b'{"key":"s","data":{"key":"t"},"data":{}}', b'{"key":' + M + b',"data":{"key":' + M + b'},"data":{}}'),
        (b'{"key":"key","data":{"plaintext":"t"}}', b'{"key":' + M + b',"data":{"plaintext":' + M + b"}}"),
        (b'{"note":"s","key":"s"}', b'{"note":"s","key":' + M + b"}"),
        (b'{"note":"key","key":"s"}', b'{"note":"key","key":' + M + b"}"),
        (b'{"plaintext":"fine"}', b'{"plaintext":"fine"}'),
        (b'{"key":123}', b'{"key":' + M + b"}"),
        (b'{"\\u006bey":"s"}', b'{"\\u006bey":' + M + b"}"),
        (b'{"a":"key","b":"\\"key\\":"}', b'{"a":"key","b":"\\"key\\":"}'),
        (b"not json key", b"not json key"),
        (b"", b""),
        (b"[]", b"[]"),
    ],
)
def test_values_at_the_paths_are_replaced_and_nothing_else(redactor: Redactor, text: bytes, expected: bytes) -> None:
    assert redactor.redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [b'{"key":"s3cret', b'{"key":"s3cret\\', b'{"key":{"a":"s3cret"', b'{"data":{"key":"s3cret', b'{"key":"a"s3cret"}'],
)
def test_text_truncated_in_a_secret_leaks_nothing(redactor: Redactor, text: bytes) -> None:
    assert b"s3cret" not in redactor.redact(text)


def test_once_the_structure_is_broken_names_alone_decide(redactor: Redactor) -> None:
    assert b"s3cret" not in redactor.redact(b'}{"x":{"y":{"plaintext":"s3cret"}}}')


def test_name_that_cannot_be_decoded_counts_as_secret(redactor: Redactor) -> None:
    assert b"s3cret" not in redactor.redact(b'{"\\ud800":"s3cret"}')


def test_deep_nesting_is_left_alone(redactor: Redactor) -> None:
    text = b'{"a":' * 100 + b'{"key":"x"}' + b"}" * 100
    assert redactor.redact(text) == text


def test_input_is_never_changed_and_output_is_stable(redactor: Redactor) -> None:
    text = bytearray(b'{"key":"s"}')
    once = redactor.redact(bytes(text))
    assert bytes(text) == b'{"key":"s"}'
    assert redactor.redact(once) == once


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["key", "data", "plaintext", "variables", "value", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


def expected_of(value: object, path: tuple[str, ...] = ()) -> object:
    """The same by decoding: an independent way to say what must come out."""
    paths = {
        ("key",),
        ("data", "key"),
        ("data", "plaintext"),
        ("data", "[]", "plaintext"),
        ("variables", "[]", "value"),
    }
    if path in paths:
        return "[REDACTED]"
    if isinstance(value, dict):
        return {k: expected_of(v, (*path, k)) for k, v in value.items()}
    if isinstance(value, list):
        return [expected_of(v, (*path, "[]")) for v in value]
    return value


@given(value=JSON, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_agrees_with_decoding_on_any_document(value: object, indent: int | None, *, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert json.loads(Redactor(PATHS).redact(text)) == expected_of(value)


TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["key", "data", "plaintext", "variables", "value", "[]", "x", 'ü"]']), inner),
    ),
    max_leaves=20,
)


@given(TREES)
def test_however_the_text_is_laid_out_the_same_values_are_blanked(tree: object) -> None:
    """Compact text takes a short cut; text with blanks cannot."""
    redactor = Redactor(PATHS)
    compact = json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    spaced = json.dumps(tree, separators=(" , ", " : ")).encode()
    assert json.loads(redactor.redact(compact)) == json.loads(redactor.redact(spaced))


def test_a_member_hidden_behind_its_double_is_blanked_too(redactor: Redactor) -> None:
    assert b"s3cret" not in redactor.redact(b'{"data":{"key":"s3cret"},"data":{}}')


@pytest.mark.parametrize(
    "repeated", [b"[", b'{"a":', b'[{"key":', b'"key":"a",', b'{"key":"\\', b'"', b"\\", b'{"key":"a"},', b'"key"']
)
@pytest.mark.parametrize("before", [b"", b'{"key":"\\u0041",', b'[{"key":"a"},'])
def test_time_grows_with_the_text_and_not_with_its_square(before: bytes, repeated: bytes) -> None:
    redact = Redactor(["key", "keys[].key", "[].key", "data.key"]).redact

    def seconds(length: int) -> float:
        text = before + repeated * (length // len(repeated))
        started = time.process_time()
        redact(text)
        return time.process_time() - started

    # The least of several: a collection or a busy machine in the middle of one is not what the text costs.
    short = min(seconds(16_000) for _ in range(3))
    assert min(seconds(64_000) for _ in range(3)) < 6 * short + 0.3
