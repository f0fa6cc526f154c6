"""From changes to messages of bounded size and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from unkey_proto.unkey.cache.v1.invalidation_pb import CacheInvalidation, InvalidationBatch, LaneHead

from unkey_api.infra.invalidation.ports import Invalidation

_ENTRY_BYTES = 6  # tags and lengths of one entry with its name, at most
_KEY_BYTES = 3  # tag and length of one key, at most
_FRAME_BYTES = 16  # tags, lengths and the time around the entries, at most
_HEAD_BYTES = 15  # one lane's head, at most


class Message(NamedTuple):
    """An encoded batch and what is in it."""

    data: bytes
    changes: tuple[Invalidation, ...]


class Heard(NamedTuple):
    """A decoded batch."""

    origin: str
    changed_at_ms: int
    changes: tuple[Invalidation, ...]
    heads: Mapping[int, int]
    """Newest revision by lane, of the lanes the message is about."""


class MalformedMessage(ValueError):
    """Not a batch of ours."""


def encode(
    changes: Iterable[Invalidation],
    *,
    origin: str,
    changed_at_ms: int,
    bytes_max: int,
    heads: Mapping[int, int] | None = None,
) -> Iterator[Message]:
    """Yield messages that together say all changes and heads, each at most `bytes_max` long.

    All heads come with the first message: who hears it reads the rest in the log. A change too long to fit even alone
    is yielded as a message without data.
    """
    whole = bytes_max - _FRAME_BYTES - len(origin.encode())
    heads = heads or {}
    room = whole - _HEAD_BYTES * len(heads)
    batch: list[Invalidation] = []
    size, last_cache = 0, None
    for change in sorted(changes, key=lambda each: each.cache):
        alone = _entry_size(change.cache) + _key_size(change)
        if alone > whole:
            yield Message(b"", (change,))
            continue
        more = _key_size(change) if change.cache == last_cache else alone
        if size + more > room:
            yield _message(batch, heads, origin, changed_at_ms)
            batch, size, more, room, heads = [], 0, alone, whole, {}
        batch.append(change)
        size += more
        last_cache = change.cache
    if batch or heads:
        yield _message(batch, heads, origin, changed_at_ms)


def decode(data: bytes) -> Heard:
    """Read a message.

    Raises:
        MalformedMessage: It is not one of ours.
    """
    try:
        batch = InvalidationBatch.from_binary(data)
    except ValueError as err:
        raise MalformedMessage(str(err)) from err
    changes: list[Invalidation] = []
    for entry in batch.invalidations:
        if entry.all:
            changes.append(Invalidation(entry.cache_name, None))
        changes.extend(Invalidation(entry.cache_name, key) for key in entry.keys)
    return Heard(batch.origin, batch.changed_at_ms, tuple(changes), {head.lane: head.revision for head in batch.heads})


def _message(changes: list[Invalidation], heads: Mapping[int, int], origin: str, changed_at_ms: int) -> Message:
    entries: dict[str, CacheInvalidation] = {}
    for change in changes:
        entry = entries.setdefault(change.cache, CacheInvalidation(cache_name=change.cache))
        if change.key is None:
            entry.all = True
        else:
            entry.keys.append(change.key)
    batch = InvalidationBatch(
        origin=origin,
        changed_at_ms=changed_at_ms,
        invalidations=list(entries.values()),
        heads=[LaneHead(lane=lane, revision=revision) for lane, revision in heads.items()],
    )
    return Message(batch.to_binary(), tuple(changes))


def _entry_size(cache: str) -> int:
    return _ENTRY_BYTES + len(cache.encode())


def _key_size(change: Invalidation) -> int:
    return 2 if change.key is None else _KEY_BYTES + len(change.key.encode())
