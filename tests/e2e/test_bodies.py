"""Bodies over real connections: nobody sends one for nothing."""

from __future__ import annotations

import gzip
import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.support.harness import Caller
from tests.support.served import Served, fetch

pytestmark = pytest.mark.e2e
PATHS = ["/v2/identities.createIdentity", "/unkey.identities.v2.IdentitiesService/CreateIdentity"]
HEAD = "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{more}Content-Length: {length}\r\n\r\n"
MOST = 1_000_000  # what the served process is configured to take


def answer_to_head(served: Served, path: str, *, authorization: str, length: int) -> int:
    """Send a head and none of the body it announces; return the status of the answer."""
    address = urlsplit(served.base)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(HEAD.format(path=path, more=authorization, length=length).encode())
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize("path", PATHS)
def test_the_head_is_enough_for_a_refusal(served: Served, admin: Caller, path: str) -> None:
    rpc = path == PATHS[1]
    unknown = "Authorization: Bearer unkey_nobody_has_this_one\r\n"
    known = f"Authorization: Bearer {admin.root_key}\r\n"
    assert answer_to_head(served, path, authorization="", length=100) == (401 if rpc else 400)
    assert answer_to_head(served, path, authorization=unknown, length=900_000) == 401
    assert answer_to_head(served, path, authorization=known, length=MOST + 1) == (429 if rpc else 413)


@pytest.mark.parametrize("path", PATHS)
def test_large_and_packed_bodies_of_known_callers_arrive(served: Served, admin: Caller, path: str) -> None:
    headers = {"authorization": f"Bearer {admin.root_key}"}
    for number, pack in enumerate((False, True)):
        body = {"externalId": f"heavy-{PATHS.index(path)}-{number}", "meta": {"a": "é" * 100_000, "b": [1] * 3_000}}
        sent: object = body
        if pack:
            sent = gzip.compress(json.dumps(body).encode())
        status, _ = fetch(served.base + path, sent, headers | ({"content-encoding": "gzip"} if pack else {}))
        assert status == 200
