"""Reading through a connection of the test's own, where the service asks a primary or a replica."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from unkey_api.infra.mysql import ReadConn

T = TypeVar("T")


class Direct:
    """Satisfies `AnyReads` over one connection."""

    def __init__(self, conn: ReadConn) -> None:
        self._conn = conn

    async def read_any(
        self, read: Callable[[ReadConn], Awaitable[T | None]], *, subject: str, owners: Callable[[T], Iterable[str]]
    ) -> T | None:
        return await read(self._conn)
