"""Ids a test can predict."""

from __future__ import annotations

from collections import Counter

from unkey_api.core.ids import IdPrefix


class CountingIds:
    """Satisfies `unkey_api.core.ids.IdSource`: `log_1`, `log_2`, … per prefix."""

    def __init__(self) -> None:
        self._count: Counter[IdPrefix] = Counter()

    def new(self, prefix: IdPrefix) -> str:
        """Return the next id of this prefix."""
        self._count[prefix] += 1
        return f"{prefix.value}_{self._count[prefix]}"
