"""Listening sockets, bound once before any worker starts."""

from __future__ import annotations

import contextlib
import ctypes
import select
import socket
import struct
from dataclasses import dataclass

BACKLOG = 2048
SO_ATTACH_FILTER = 26  # Linux; the socket module does not name it


class PortTaken(Exception):
    """The address cannot be bound; the message says what to do."""


@dataclass(frozen=True, slots=True)
class WorkerSockets:
    """The sockets of one worker."""

    http1: socket.socket
    http2: socket.socket | None
    """None when HTTP/2 is switched off."""

    def close(self) -> None:
        """Close this process's copies."""
        self.http1.close()
        if self.http2 is not None:
            self.http2.close()


def bind_workers(address: str, *, http_port: int, http2_port: int, workers: int) -> list[WorkerSockets]:
    """Bind `workers` sockets per port with SO_REUSEPORT, so that the kernel spreads connections over the workers.

    Port 0 for HTTP/1.1 picks a free one; 0 for HTTP/2 turns HTTP/2 off. Nobody listens yet: until a worker can serve,
    connections are refused, and a probe learns at once that it is too early. Raises `PortTaken`.
    """
    _require_free(address, http_port)
    if http2_port:
        _require_free(address, http2_port)
    bound: list[WorkerSockets] = []
    for _ in range(workers):
        http1 = _bind(address, http_port)
        http_port = http1.getsockname()[1]
        bound.append(WorkerSockets(http1, _bind(address, http2_port) if http2_port else None))
    return bound


def refuse_new(sock: socket.socket) -> None:
    """Turn new connections away from a listening socket while those under way are still completed and accepted.

    Closing it right away would reset connections that the kernel has established and nobody has accepted yet, with the
    requests in them. A filter drops the first packet of a connection (SYN without ACK) and nothing else: its sender
    repeats it after a second and finds the port closed, or another instance behind it. Where the kernel knows no
    filters (anything but Linux) nothing happens.
    """
    program = b"".join(struct.pack("HBBI", *step) for step in _DROP_SYN)
    text = ctypes.create_string_buffer(program)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(_DROP_SYN), ctypes.addressof(text)))


def has_waiting(sock: socket.socket) -> bool:
    """Say whether an established connection waits to be accepted."""
    if sock.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte with the flags of the TCP header
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # then drop
    (0x06, 0, 0, 0xFFFF_FFFF),  # else pass
)
"""Classic BPF: operation, jump if true, jump if false, operand."""


def _socket(address: str) -> socket.socket:
    """Make a socket for an address. `::` takes IPv4 as well, whatever the system's habit is."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    if address == "::":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return sock


def _require_free(address: str, port: int) -> None:
    """Another process may share a SO_REUSEPORT port without an error, so ask for it alone first."""
    with _socket(address) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as err:
            msg = f"cannot listen on {address}:{port}: {err.strerror}. Stop what uses it or set another port."
            raise PortTaken(msg) from err


def _bind(address: str, port: int) -> socket.socket:
    sock = _socket(address)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted connections inherit it
    sock.bind((address, port))
    sock.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    sock.set_inheritable(True)
    return sock
