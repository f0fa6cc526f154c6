"""Writes that fail after whoever asked for them has left."""

from __future__ import annotations

from collections.abc import Callable

import structlog

OrphanHook = Callable[[str, BaseException], None]
"""Told the name of a write and why it failed, when nobody is left to whom the error could be raised. Must not raise."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def log_orphan(name: str, error: BaseException) -> None:
    """Log the failure of the write called `name`."""
    _log.error("write failed after its caller had left", statement=name, error=error)
