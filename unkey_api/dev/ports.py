"""Loopback ports for the embedded stores, the same ones from start to start when they are free."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack, closing
from pathlib import Path

LOOPBACK = "127.0.0.1"


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
    """Return `count` different ports that nobody listens on at the moment."""
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
    file.write_text(json.dumps(ports, indent=2) + "\n")
    return ports
