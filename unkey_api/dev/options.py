"""What a person can choose about `unkey-api dev`, and what went wrong when it cannot start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


class CannotStart(Exception):
    """The embedded stack cannot start. The message says what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """Options of one start."""

    data_dir: Path = Path(".unkey-dev")
    """Where everything is kept; made when absent."""
    host: str = "127.0.0.1"
    """Address the service listens on."""
    http_port: int = 7070
    """Port of HTTP/1.1."""
    http2_port: int = 7071
    """Port of HTTP/2 and gRPC; 0 turns it off."""
    workers: int = 1
    """Processes that serve requests; one is easier to debug and starts fastest."""
