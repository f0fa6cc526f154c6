"""What the configuration says about hashes of other systems."""

from __future__ import annotations

from unkey_api.areas.keys.schemes.salted import HashCaps
from unkey_api.settings.sections import KeyMigrationSettings


def hash_caps(chosen: KeyMigrationSettings) -> HashCaps:
    """Return what a hash may cost that is imported."""
    return HashCaps(
        bcrypt_cost=chosen.bcrypt_cost_max,
        argon2_kib=chosen.argon2_memory_max,
        argon2_passes=chosen.argon2_passes_max,
        argon2_lanes=chosen.argon2_lanes_max,
    )
