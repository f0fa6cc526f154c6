"""Sockets of the listeners."""

from __future__ import annotations

import socket

from unkey_api.core.addresses import read_address
from unkey_api.server.sockets import bind_workers


def test_the_unspecified_ipv6_address_takes_ipv4_too() -> None:
    """Whatever `net.ipv6.bindv6only` says; the peer is the IPv4 address that lists name."""
    [sockets] = bind_workers("::", http_port=0, http2_port=0, workers=1)
    try:
        assert sockets.http1.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 0
        sockets.http1.listen()
        sockets.http1.setblocking(True)  # noqa: FBT003 - the standard library's own signature
        with socket.create_connection(("127.0.0.1", sockets.http1.getsockname()[1]), timeout=10):
            accepted, peer = sockets.http1.accept()
            accepted.close()
        assert peer[0] == "::ffff:127.0.0.1"
        assert str(read_address(peer[0])) == "127.0.0.1"
    finally:
        sockets.close()
