"""Whose address a request has, on both surfaces."""

from __future__ import annotations

import pytest

from tests.support.surface import Surface

HTTP_JSON = "/v2/keys.verifyKey"
CONNECT = "/unkey.keys.v2.KeysService/VerifyKey"
PEER = "203.0.113.9"
BEHIND = ("203.0.113.0/24",)


@pytest.fixture
def surface() -> Surface:
    return Surface()


@pytest.mark.parametrize("path", [HTTP_JSON, CONNECT])
@pytest.mark.parametrize(
    ("peer", "proxies", "forwarded", "expected"),
    [
        (PEER, (), ["198.51.100.1"], PEER),
        (PEER, BEHIND, ["198.51.100.1"], "198.51.100.1"),
        (PEER, BEHIND, ["10.6.6.6, 198.51.100.1"], "198.51.100.1"),
        (PEER, BEHIND, ["10.6.6.6", "198.51.100.1"], "198.51.100.1"),
        (PEER, BEHIND, ["10.6.6.6", "198.51.100.1, 203.0.113.7", "203.0.113.8"], "198.51.100.1"),
        (PEER, BEHIND, ["198.51.100.1:4711"], "198.51.100.1"),
        (PEER, BEHIND, ["[2001:db8::1]:443"], "2001:db8::1"),
        (PEER, BEHIND, ["198.51.100.1, nobody"], PEER),
        (PEER, BEHIND, [""], PEER),
        ("::ffff:203.0.113.9", (), [], PEER),
        ("::ffff:203.0.113.9", BEHIND, ["::ffff:198.51.100.1"], "198.51.100.1"),
        (PEER, ("::ffff:203.0.113.0/120",), ["198.51.100.1"], "198.51.100.1"),
        ("/run/unkey.sock", BEHIND, ["198.51.100.1"], ""),
        ("", BEHIND, ["198.51.100.1"], ""),
    ],
)
async def test_the_address_is_that_of_whoever_no_proxy_of_ours_speaks_for(
    surface: Surface, path: str, peer: str, proxies: tuple[str, ...], forwarded: list[str], expected: str
) -> None:
    """Limits, lists and audit entries go by it: it must not be the caller's to choose, and never mere text."""
    surface.proxies = proxies
    client = surface.build()
    client.address = peer
    headers = [("content-type", "application/json"), ("authorization", "Bearer x")]
    await client.post(path, {"key": "a"}, headers=[*headers, *(("x-forwarded-for", line) for line in forwarded)])
    assert surface.observer.completed[0].client_ip == expected
