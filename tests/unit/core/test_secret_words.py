"""One detector: what it finds is neither logged nor stored, whichever way it takes."""

from __future__ import annotations

import orjson
import pytest

from unkey_api.core.redaction import Redactor, without_shapes
from unkey_api.core.secret import names_secrets, without_named_secrets
from unkey_api.infra.telemetry.processors import Scrubber
from unkey_api.rpc.observers.stored_text import StoredText, stored_query

TEXTS = [
    ("mysql://unkey:pa:s@word@db:3306/unkey", "pa:s@word"),
    ("unkey:hunter2@tcp(db:3306)/unkey", "hunter2"),
    ("redis://:hunter2@cache:6379", "hunter2"),
    ("Authorization: Bearer abc123", "abc123"),
    ("basic dXNlcjpwdw==", "dXNlcjpwdw"),
    ("password=hunter2", "hunter2"),
    ("x-api-key: abc123", "abc123"),
    ("eyJhbGciOiJI.eyJzdWIiOiIx.sig_na-ture", "sig_na-ture"),
    ("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----", "MIIB"),
    ("3ZZ7faUrkfv1YAhffAcnKW", "3ZZ7faUrkfv1YAhffAcnKW"),
]


@pytest.mark.parametrize(("text", "secret"), TEXTS)
class TestOneDetector:
    def test_it_is_not_logged(self, text: str, secret: str) -> None:
        assert secret not in Scrubber().scrub(f"cannot use {text} here")

    def test_it_is_not_stored_with_a_body(self, text: str, secret: str) -> None:
        body = orjson.dumps({"name": f"x {text} y", "other": "kept", "list": [text]})
        kept = without_shapes(body)
        assert secret.encode() not in kept
        assert orjson.loads(kept)["other"] == "kept"

    def test_it_is_not_stored_with_a_header_or_a_query(self, text: str, secret: str) -> None:
        line = text.replace("\n", " ")
        stored = StoredText(Redactor(()))
        assert secret not in repr(stored.headers([(b"x-note", line.encode())]))
        assert secret not in stored.text(line)
        assert secret not in repr(stored_query(b"note=" + orjson.dumps(line).strip(b'"')))


@pytest.mark.parametrize(
    "text", [b'{"a":"someone@example.com"}', b'{"a":"x = y","token":"short"}', b'{"a":"a key: value"}', b'{"a":"b"}']
)
def test_ordinary_bodies_stay_as_they_are(text: bytes) -> None:
    assert without_shapes(text) == text


def test_ordinary_texts_are_cleared_by_one_search() -> None:
    assert not names_secrets("POST /v2/keys.verifyKey")
    assert without_named_secrets("the token is missing", "***") == "the token is missing"
