"""What the use cases of keys need of other domains."""

from __future__ import annotations

from typing import Protocol

from unkey_api.core.ids import ApiId, KeyspaceId


class CreditControl(Protocol):
    """Working copies of balances, kept in step with changes made here."""

    async def flush(self, key_id: str) -> None:
        """Have what was spent of the key written to the database, before its balance is read or set there."""
        ...

    async def invalidate(self, key_id: str) -> None:
        """Have the next spend read the database again. Call it after the commit; never raises."""
        ...


class LiveApi(Protocol):
    """An API that can hold keys."""

    @property
    def id(self) -> ApiId:
        """Identifies it."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def keyspace_id(self) -> KeyspaceId:
        """Where its keys are."""
        ...


class LiveApis(Protocol):
    """APIs by id. They come from a domain above this one, so only their shape is known here."""

    async def find(self, workspace_id: str, api_id: str) -> LiveApi | None:
        """Return a live API of the workspace, or None."""
        ...
