"""What a command can raise."""

from __future__ import annotations

from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.resilience.errors import DependencyTimeout, NotAttempted


class RedisUnavailable(ServiceUnavailable):
    """No connection, a broken one, or an answer that refuses the command."""

    def __init__(self, internal: str) -> None:
        ServiceUnavailable.__init__(self, "The counter store is unavailable. Please try again.", internal=internal)


class RedisTimeout(RedisUnavailable, DependencyTimeout):
    """No answer within the budget. The command may have been executed."""

    def __init__(self, seconds: float) -> None:
        RedisUnavailable.__init__(self, f"redis gave no answer within {seconds:.3f} s")


class RedisNotConnected(RedisUnavailable, NotAttempted):
    """There is no connection; nothing was sent."""

    def __init__(self) -> None:
        RedisUnavailable.__init__(self, "not connected")
