"""The end of a key that was rerolled, for keys of every kind: it is never later, and it comes once.

Callers hold the lock of the key's row, so that of several rerolls at once exactly one gets past `refuse_ended`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from unkey_api.areas.keys.errors import KeyAlreadyRerolled, KeyExpired
from unkey_api.core.columns import UnixMs
from unkey_api.infra.mysql import WriteConn, load_query, load_statement


@dataclass(frozen=True, slots=True)
class Reroll:
    """A key that was replaced by another one."""

    key_id: str
    workspace_id: str
    """Of the row of the key: for a root key that of the operator."""
    successor_id: str
    ends_at: UnixMs
    """The expiry that the old key has since."""
    created_at_m: UnixMs


@dataclass(frozen=True, slots=True)
class _EarlierRow:
    successor_id: str
    ends_at: UnixMs


_FIND = load_query(__package__, "key_reroll_find", row=_EarlierRow)
_UPSERT = load_statement(__package__, "key_reroll_upsert")
_DELETE = load_statement(__package__, "key_reroll_delete")


async def refuse_ended(tx: WriteConn, workspace_id: str, key_id: str, expires: UnixMs | None, *, now: UnixMs) -> None:
    """Return when the locked key, which has this expiry, may be rerolled.

    Raises:
        KeyAlreadyRerolled: Its expiry is the one an earlier reroll gave it; the successor is named.
        KeyExpired: It has expired otherwise.
    """
    if expires is None:
        return
    earlier = await tx.fetch_one(_FIND, {"key_id": key_id, "workspace_id": workspace_id})
    if earlier is not None and earlier.ends_at == expires:
        raise KeyAlreadyRerolled(earlier.successor_id)
    if expires < now:
        raise KeyExpired


def earlier_end(expires: UnixMs | None, wanted: UnixMs) -> UnixMs:
    """Return when the old key ends: when the reroll says so, but never later than it would have."""
    return wanted if expires is None else min(expires, wanted)


async def record(tx: WriteConn, reroll: Reroll) -> None:
    """Note that the reroll gave the key its expiry, in the transaction that does."""
    await tx.execute(_UPSERT, asdict(reroll))


async def forget(tx: WriteConn, workspace_id: str, key_id: str) -> None:
    """Drop what is noted about a key that is removed."""
    await tx.execute(_DELETE, {"key_id": key_id, "workspace_id": workspace_id})
