"""What keys are to the use cases, and what statements about keys select besides their own columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Annotated, Final

from unkey_api.areas.ratelimit.types import AttachedLimit
from unkey_api.core.columns import FromJson
from unkey_api.core.ids import ExternalId, IdentityId

META_BYTES_MAX = 65_535
"""What the column of a key's metadata holds, in bytes of JSON."""
HASH_CHARS_MAX = START_CHARS_MAX = 256
"""What the columns `hash` and `start` hold."""


class MigrationAlgorithm(StrEnum):
    """How the keys of a migration were hashed where they come from."""

    SHA256 = "sha256"
    PREFIXED_API_KEY = "github.com/seamapi/prefixed-api-key"


class RefillInterval(StrEnum):
    """How often credits are filled up."""

    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Refill:
    """When credits are filled up, and to what."""

    interval: RefillInterval
    amount: int
    """At least 1."""
    day: int | None
    """Day of the month, 1 to 31; later days of shorter months mean their last day. None unless monthly."""


@dataclass(frozen=True, slots=True)
class CreditSettings:
    """How many uses a key has left."""

    remaining: int | None
    """None: unlimited."""
    refill: Refill | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKeyProperties:
    """What a key has from the start, whether it is created or imported. None means that the caller said nothing."""

    name: str | None = None
    external_id: str | None = None
    meta: str | None = None
    """JSON text."""
    roles: tuple[str, ...] = ()
    """Names; repetitions count once."""
    permissions: tuple[str, ...] = ()
    """Slugs; repetitions count once."""
    expires_ms: int | None = None
    credits: CreditSettings | None = None
    ratelimits: tuple[AttachedLimit, ...] = ()
    """The last one of a name counts."""
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateKeyCommand(NewKeyProperties):
    """A key to create."""

    api_id: str
    prefix: str | None = None
    byte_length: int | None = None
    """Of the random part."""
    recoverable: bool = False


class Unset(Enum):
    """Marks what a caller did not mention, where None means something else."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True)
class CreditChanges:
    """What to change about credits."""

    remaining: int | Unset | None = UNSET
    """None: unlimited, and no refill unless one is given."""
    refill: Refill | Unset | None = UNSET
    """None: no refill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateKeyCommand:
    """What to change about a key. None clears."""

    key_id: str
    name: str | Unset | None = UNSET
    external_id: str | Unset | None = UNSET
    meta: str | Unset | None = UNSET
    """JSON text."""
    expires_ms: int | Unset | None = UNSET
    enabled: bool | Unset = UNSET
    credits: CreditChanges | Unset | None = UNSET
    """None: unlimited, and no refill."""
    ratelimits: tuple[AttachedLimit, ...] | Unset = UNSET
    """All limits the key shall have."""
    permissions: tuple[str, ...] | Unset = UNSET
    """Slugs of all permissions the key itself shall have."""
    roles: tuple[str, ...] | Unset = UNSET
    """Names of all roles the key shall have."""


class CreditOperation(StrEnum):
    """How a balance is changed."""

    SET = "set"
    INCREMENT = "increment"
    DECREMENT = "decrement"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateKey(NewKeyProperties):
    """A key to import by its hash."""

    hash: str


@dataclass(frozen=True, slots=True)
class MigrateKeysCommand:
    """Keys to import."""

    migration_id: str
    api_id: str
    keys: tuple[MigrateKey, ...]


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
