"""How soon a process knows what others changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from unkey_api.settings.about import about


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationSettings:
    """Following the log of changes."""

    follow_every: timedelta = field(
        default=timedelta(milliseconds=250),
        metadata=about(
            "How often the log of changes is looked at. The invalidation bus makes it sooner.",
            between=(timedelta(milliseconds=50), timedelta(seconds=5)),
        ),
    )
    replica_lag_max: timedelta = field(
        default=timedelta(seconds=30),
        metadata=about(
            "How long after a change the replica is not asked for what belongs to its workspace, even when "
            "it says that it has the change: its address may hide several servers.",
            between=(timedelta(seconds=1), timedelta(hours=1)),
        ),
    )
