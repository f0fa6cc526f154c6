"""ASGI's own types, as precise as the specification makes them: mappings with values of any kind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

Scope: TypeAlias = dict[str, Any]  # what a key holds depends on the key
Event: TypeAlias = dict[str, Any]  # the same; `type` says which keys there are
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
