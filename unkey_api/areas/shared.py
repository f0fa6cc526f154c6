"""What an area is to those who serve it, and what all areas are built from.

Imported by the areas' `wiring.py` and by those who list the areas, and by nobody else: a use case takes the few things
it needs, never all of this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from connectrpc.server import ConnectASGIApplication

from unkey_api.areas.analytics.service.connections import Connections
from unkey_api.areas.apis.live import LiveApis
from unkey_api.areas.keys.credits.limiter import CreditLimiter
from unkey_api.areas.keys.schemes.finding import ForeignHashes
from unkey_api.areas.keys.schemes.salted import HashCaps
from unkey_api.areas.keys.verification.directory import KeyDirectory
from unkey_api.areas.parts import Parts
from unkey_api.areas.ratelimit.engine.limiter import RateLimiter
from unkey_api.areas.ratelimit.namespaces import NamespaceCreation, Namespaces
from unkey_api.areas.rootkeys.service import CallerLocks
from unkey_api.core.keymaterial import RandomBytes
from unkey_api.core.needs import Operations
from unkey_api.infra.batching.batcher import Sink
from unkey_api.infra.clickhouse.rows import KeyVerificationRow, RatelimitRow
from unkey_api.infra.vault import VaultClient

Handler = TypeVar("Handler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What is open, for `build` of every area."""

    parts: Parts
    vault: VaultClient | None
    """None when no vault is configured."""
    random_bytes: RandomBytes
    region: str
    """Where this process runs, for the rows of verifications."""
    apis: LiveApis
    namespaces: Namespaces
    creation: NamespaceCreation
    limiter: RateLimiter
    ratelimits: Sink[RatelimitRow]
    directory: KeyDirectory
    foreign: ForeignHashes
    hash_caps: HashCaps
    """What a salted hash may cost that is imported."""
    credits: CreditLimiter
    verifications: Sink[KeyVerificationRow]
    callers: CallerLocks
    connections: Connections
    """How workspaces ask ClickHouse."""
    test_mode: bool = False
    """Whether callers may choose the time at which a limit is decided."""


@dataclass(frozen=True, slots=True)
class Area(Generic[Handler]):
    """One published service and what answers it. Each area's `wiring.py` has one, as `AREA`."""

    protocol: Any  # a generated class with a static `desc()`; the generator gives them no common type
    application: Callable[..., ConnectASGIApplication[Any]]  # the messages differ per service
    """The generated application that serves an implementation of the protocol."""
    handler: type[Handler]
    """Implements the protocol; what it leaves out answers 501."""
    build: Callable[[Shared], Handler]
    needs: Operations = field(default_factory=dict)
    """What each operation needs; those that take no credential are not in it."""
