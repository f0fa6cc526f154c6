"""What root keys are to the use cases."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import KeyId
from unkey_api.core.secret import Secret


@dataclass(frozen=True, slots=True)
class RootKey:
    """A root key; the secret is not known."""

    id: KeyId
    name: str | None
    start: str
    """Prefix and first characters of the secret."""
    enabled: bool
    created_at: UnixMs
    last_used_at: UnixMs
    """0 when never."""
    expires: UnixMs | None
    permissions: tuple[str, ...]
    """Everything it may do, directly or through roles; sorted, without repetitions."""


@dataclass(frozen=True, slots=True)
class IssuedRootKey:
    """A root key that was just made; the only time its secret is seen."""

    id: KeyId
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRootKeyCommand:
    """A root key to create."""

    permissions: tuple[str, ...]
    name: str | None = None
    expires_ms: int | None = None
    """Unix milliseconds; None for never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRootKeyCommand:
    """What to change about a root key."""

    key_id: str
    set_name: bool = False
    name: str | None = None
    """Counts when `set_name`; None removes the name."""
    enabled: bool | None = None
    """None leaves it."""
    permissions: tuple[str, ...] | None = None
    """All it shall have; None leaves them."""
