"""What can go wrong with identities."""

from __future__ import annotations

from unkey_api.core.errors import Unexpected


class IdentityVanished(Unexpected):
    """An identity that was there a moment ago is gone. Trying again creates it."""

    def __init__(self, external_id: str) -> None:
        super().__init__("Failed to resolve the identity.", internal=f"identity {external_id!r} vanished")
