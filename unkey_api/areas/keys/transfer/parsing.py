"""From a record of a file to a key to import, or the reason why not; ahead of the database, which works meanwhile."""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from itertools import islice

from unkey_api.areas.keys.schemes.finding import KEYED, start_of
from unkey_api.areas.keys.schemes.salted import HashCaps, affordable, excess, make_salted, phc_of, read_salted
from unkey_api.areas.keys.transfer import fields
from unkey_api.areas.keys.transfer.fields import Document
from unkey_api.areas.keys.transfer.types import ImportRecord, RawRecord, Rejected, Rejection, Target
from unkey_api.areas.keys.types import CreditSettings, MigrateKey, Refill, RefillInterval
from unkey_api.areas.ratelimit.types import AttachedLimit
from unkey_api.core.ids import KeyHash
from unkey_api.core.keymaterial import hash_key

READ = frozenset(
    {
        *("keyId", "hash", "key", "visible", "start", "name", "externalId", "identityMeta", "meta", "roles"),
        *("permissions", "expires", "enabled", "credits", "ratelimits", "createdAt"),
        *("remaining", "refillInterval", "refillAmount", "refillDay"),
    }
)
IGNORED = frozenset({"identityId", "identityRatelimits", "keyspaceId", "lastUsedAt", "migrationId", "updatedAt"})
"""What an export tells beyond what an import can use."""
KEY_ID = re.compile(r"[a-zA-Z0-9_]{3,48}")
SLUG = re.compile(r"[a-zA-Z0-9_:\-.*]+")
HEX_64 = re.compile(r"[0-9a-fA-F]{64}")
HEX_DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{128}")
BASE64_DIGEST = re.compile(r"[A-Za-z0-9+/_-]{43}=?|[A-Za-z0-9+/_-]{86}(?:==)?")
PRINTABLE = re.compile(r"[\x20-\x7e]{3,256}")
SHA256_BYTES = 32


def parse(raw: RawRecord, target: Target) -> ImportRecord:
    """Return the key a record describes.

    Raises:
        Rejected: It cannot be imported.
    """
    if raw.problem:
        raise Rejected(raw.problem)
    document = raw.document
    unknown = sorted(document.keys() - READ - IGNORED)
    if unknown:
        raise Rejected(f"unknown field {unknown[0]}")
    key_hash, pending, start = _material(document, target)
    return ImportRecord(
        line=raw.line,
        key=MigrateKey(
            hash=key_hash,
            name=fields.text(document, "name", most=255),
            external_id=fields.text(document, "externalId", most=255),
            meta=fields.metadata(document, "meta"),
            roles=fields.names(document, "roles", at_most=100, most=255),
            permissions=fields.names(document, "permissions", at_most=1000, most=128, pattern=SLUG),
            expires_ms=fields.instant(document, "expires"),
            credits=_credits(document),
            ratelimits=_ratelimits(document),
            enabled=fields.flag(document, "enabled", default=True),
        ),
        start=start,
        pending=pending,
        key_id=fields.text(document, "keyId", most=48, pattern=KEY_ID),
        created_at_ms=fields.instant(document, "createdAt"),
        identity_meta=fields.metadata(document, "identityMeta"),
    )


def _material(document: Document, target: Target) -> tuple[KeyHash, bool, str]:
    """Return hash, whether its migration is pending, and how the key is shown."""
    secret = fields.text(document, "key", most=512)
    given = fields.text(document, "hash", most=256, pattern=PRINTABLE)
    start = fields.text(document, "start", most=64) or ""
    if (secret is None) == (given is None):
        raise Rejected("exactly one of hash and key is needed")
    if secret is not None:
        return hash_key(secret), False, start or start_of(secret)
    if given is None:
        raise Rejected("hash is missing")
    if target.prefixed:
        if not HEX_64.fullmatch(given):
            raise Rejected("hash is not 64 hexadecimal digits, as this migration needs")
        return KeyHash(given.lower()), True, start
    native = native_hash(given)
    if native is not None:
        return native, False, start
    stored = _foreign(given, fields.text(document, "visible", most=64) or start, target.caps)
    if target.migration_id is None:
        raise Rejected("hash is of another kind than SHA-256: keys like this need --migration")
    return stored, True, start


def native_hash(text: str) -> KeyHash | None:
    """Return a SHA-256 digest in the spelling we store, or None for anything else."""
    try:
        digest = bytes.fromhex(text) if HEX_64.fullmatch(text) else b64decode(text, altchars=None, validate=True)
    except (Error, ValueError):
        return None
    return KeyHash(b64encode(digest).decode("ascii")) if len(digest) == SHA256_BYTES else None


def _foreign(given: str, visible: str, caps: HashCaps) -> KeyHash:
    scheme, colon, rest = given.partition(":")
    reason = excess(phc_of(given), caps)
    if reason:
        raise Rejected(f"hash costs too much: {reason}")
    if read_salted(given) or (colon and scheme in {keyed.name for keyed in KEYED} and HEX_DIGEST.fullmatch(rest)):
        return KeyHash(given)
    if given.startswith("$"):
        if not affordable(given):
            raise Rejected("hash is neither bcrypt nor Argon2")
        salted = make_salted(given, visible)
        if salted is None or not salted.lookup.isascii():
            raise Rejected("a salted hash needs `visible`: at least the first four characters of its key")
        return KeyHash(salted.text)
    if HEX_DIGEST.fullmatch(given.lower()):
        return KeyHash(given.lower())
    if BASE64_DIGEST.fullmatch(given):
        return KeyHash(given)
    raise Rejected("hash is of no known kind")


def _credits(document: Document) -> CreditSettings | None:
    nested = fields.structure(document, "credits")
    if nested is not None and not isinstance(nested, dict):
        raise Rejected("credits is not an object")
    refill = nested.get("refill") if nested else None
    if refill is not None and not isinstance(refill, dict):
        raise Rejected("credits.refill is not an object")
    flat = {
        "remaining": nested.get("remaining") if nested else document.get("remaining"),
        "refillInterval": refill.get("interval") if refill else document.get("refillInterval"),
        "refillAmount": refill.get("amount") if refill else document.get("refillAmount"),
        "refillDay": refill.get("refillDay") if refill else document.get("refillDay"),
    }
    remaining, refills = fields.integer(flat, "remaining", least=0), _refill(flat)
    if remaining is None and refills is not None:
        raise Rejected("an unlimited key has nothing to refill: remaining is missing")
    return None if remaining is None else CreditSettings(remaining, refills)


def _refill(flat: Document) -> Refill | None:
    interval = fields.text(flat, "refillInterval", most=10)
    if interval is None:
        return None
    if interval not in set(RefillInterval):
        raise Rejected("refillInterval is neither daily nor monthly")
    amount = fields.integer(flat, "refillAmount", least=1)
    day = fields.integer(flat, "refillDay", least=1, most=31)
    if amount is None:
        raise Rejected("refillAmount is missing")
    if interval == RefillInterval.MONTHLY and day is None:
        raise Rejected("refillDay is missing for a monthly refill")
    return Refill(RefillInterval(interval), amount, day if interval == RefillInterval.MONTHLY else None)


def _ratelimits(document: Document) -> tuple[AttachedLimit, ...]:
    value = fields.structure(document, "ratelimits")
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > 50:
        raise Rejected("ratelimits is not a list of at most 50")
    return tuple(_ratelimit(item) for item in value)


def _ratelimit(item: object) -> AttachedLimit:
    if not isinstance(item, dict):
        raise Rejected("ratelimits holds something that is not an object")
    name = fields.text(item, "name", most=255)
    limit = fields.integer(item, "limit", least=1)
    duration = fields.integer(item, "duration", least=1000)
    if name is None or limit is None or duration is None:
        raise Rejected("a rate limit needs name, limit and duration")
    return AttachedLimit(name, limit, duration, fields.flag(item, "autoApply", default=False))


BREATH_RECORDS = 50  # parsed at a stretch, about half a millisecond; then answers of the database get their turn


@dataclass(frozen=True, slots=True)
class ParsedRecords:
    """Some records of a file, in its order."""

    last: int
    """Number of the last of them."""
    records: list[ImportRecord]
    rejections: list[Rejection]
    """Those that cannot be imported whatever the database holds."""


async def parsed_batches(
    records: Iterator[RawRecord], target: Target, count: int
) -> AsyncGenerator[ParsedRecords, None]:
    """Yield the records, `count` at a time and parsed, one batch ahead of the caller. Close it when leaving early.

    Raises:
        TransferRefused: The file cannot be read on; everything before was yielded in whole batches.
    """
    ahead = asyncio.create_task(_parse_some(records, target, count))
    try:
        while (parsed := await ahead) is not None:
            ahead = asyncio.create_task(_parse_some(records, target, count))
            yield parsed
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)


async def _parse_some(records: Iterator[RawRecord], target: Target, count: int) -> ParsedRecords | None:
    """Return the next records, or None after the last."""
    fit: list[ImportRecord] = []
    rejections: list[Rejection] = []
    raw: RawRecord | None = None
    for index, raw in enumerate(islice(records, count), start=1):
        try:
            fit.append(parse(raw, target))
        except Rejected as err:
            # Without the hash: what cannot be read as one may be a secret in the wrong column.
            rejections.append(Rejection(raw.line, str(err)))
        if index % BREATH_RECORDS == 0:
            await asyncio.sleep(0)
    return None if raw is None else ParsedRecords(raw.number, fit, rejections)
