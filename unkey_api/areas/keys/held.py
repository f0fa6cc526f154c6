"""What a key has besides its own columns, as statements about keys select it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from unkey_api.core.columns import FromJson
from unkey_api.core.ids import ExternalId, IdentityId

StringList = Annotated[list[str] | None, FromJson()]
LimitColumns = tuple[str, str, int, int, int]
"""Id, name, limit, duration in milliseconds, whether it applies by itself (0 or 1)."""
LimitList = Annotated[list[LimitColumns] | None, FromJson()]


@dataclass(frozen=True, slots=True)
class HeldByKey:
    """Identity, permissions, roles and limits."""

    identity_id: IdentityId | None
    """None also for an identity that was deleted, as are the following."""
    external_id: ExternalId | None
    identity_meta: str | None
    """JSON text."""
    direct_permissions: StringList
    role_permissions: StringList
    role_names: StringList
    key_limits: LimitList
    identity_limits: LimitList
