"""Loopback ports for the embedded stores, the same ones from start to start when they are free."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeVar

from unkey_api.dev.folder import CannotStart

LOOPBACK = "127.0.0.1"
FIRST_PORT = 15_000  # below are the well-known ones of people's own stores
LAST_PORT = 65_535
ATTEMPTS = 4
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")

T = TypeVar("T")


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a listener could be opened on `port` now."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # What a server does: sockets in TIME_WAIT do not keep it from listening.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that nobody listens on at the moment.

    They lie outside of the range from which the system takes ports for connections, so that none of them is taken for
    one before its server has come to listen. Another program can still be faster; see `on_a_free_port`.
    """
    low, high = _taken_for_connections()
    beside = [*range(FIRST_PORT, low), *range(high + 1, LAST_PORT + 1)]
    found: list[int] = []
    while beside and len(found) < count:
        port = beside.pop(secrets.randbelow(len(beside)))
        if is_free(port):
            found.append(port)
    return found + _any_ports(count - len(found))


async def on_a_free_port(start: Callable[[int], Awaitable[T]], port: int) -> tuple[T, int]:
    """Start a server on `port`, or on another one when somebody else was faster. Returns it and its port.

    Raises:
        CannotStart: It did not start for another reason, or lost several times.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return await start(port), port
        except CannotStart:
            if is_free(port):
                raise  # it was not the port
            [port] = free_ports(1)
    return await start(port), port


def _taken_for_connections() -> tuple[int, int]:
    """Return the first and the last port that the system hands out by itself; all of them where it does not say."""
    try:
        first, last = _RANGE.read_text(encoding="ascii").split()
        return int(first), int(last)
    except (OSError, ValueError):
        return FIRST_PORT, LAST_PORT


def _any_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]


def remembered_ports(file: Path, names: tuple[str, ...]) -> dict[str, int]:
    """Return one free port per name, last time's where it is still free, and remember them in `file`."""
    try:
        known = json.loads(file.read_text())
    except (OSError, ValueError):
        known = {}
    kept = {name: known[name] for name in names if isinstance(known.get(name), int) and is_free(known[name])}
    missing = [name for name in names if name not in kept]
    ports = kept | dict(zip(missing, free_ports(len(missing)), strict=True))
    remember_ports(file, ports)
    return ports


def remember_ports(file: Path, ports: Mapping[str, int]) -> None:
    """Write down which port each name has now."""
    file.write_text(json.dumps(ports, indent=2) + "\n")
