"""Encoding what is to be written, a few dozen items at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from unkey_api.infra.batching.batcher import Block, Offer, Sink

Item = TypeVar("Item")

ENCODED_TOGETHER = 64  # a third of a millisecond of work
BLOCK_BYTES = 64 * 1024  # rows with large bodies travel in smaller numbers
ENCODED_AFTER_SECONDS = 0.2  # where requests are rare
WEIGHT_TOGETHER = 64 * 1024
"""Bytes of what is to be encoded at once: bodies are searched for secrets, and so many of them take milliseconds."""


class EncodingSink(Generic[Item]):
    """Turns what comes into encoded rows, some dozens at a time, and passes those on as blocks.

    One at a time would fetch the code for it into the processor's cache with every request; thousands at a time, when
    they are written, would find none of the data there any more. Both cost three times as much.
    """

    def __init__(
        self,
        blocks: Sink[Block],
        encode: Callable[[Item], bytes],
        *,
        on_error: Callable[[Exception], None],
        weigh: Callable[[Item], int] | None = None,
        together: int = ENCODED_TOGETHER,
    ) -> None:
        """Take what encodes, and who is told of what goes wrong.

        Args:
            blocks: Where encoded rows go.
            encode: Makes a row of an item.
            on_error: Hears of what `encode` raised, which is a bug; must not raise.
            weigh: Returns the bytes that `encode` has to look at, where items differ much; must not raise.
            together: Items encoded at once, fewer where they are heavy.
        """
        self._pass_on = blocks.add
        self._encode = encode
        self._on_error = on_error
        self._weigh = weigh
        self._together = together
        self.failed = 0
        """Items lost so far because they could not be encoded."""
        self._waiting: list[Item] = []
        self._weight = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, item: Item, /) -> Offer:
        """Take `item`; whether there is room for it shows when it is passed on. Never waits, never raises."""
        waiting = self._waiting
        waiting.append(item)
        if self._weigh is not None:
            self._weight += self._weigh(item)
        if len(waiting) >= self._together or self._weight >= WEIGHT_TOGETHER:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(ENCODED_AFTER_SECONDS, self._on_time)
        return Offer.BUFFERED

    def flush(self) -> None:
        """Pass on what has come so far. What cannot be encoded costs itself and nothing else. Never raises."""
        waiting, self._waiting, self._weight = self._waiting, [], 0
        encode = self._encode
        lines: list[bytes] = []
        size = 0
        for item in waiting:
            try:
                line = encode(item)
            except Exception as error:  # noqa: BLE001 - it is raised among the rows of others
                self.failed += 1
                self._on_error(error)
                continue
            lines.append(line)
            size += len(line)
            if size >= BLOCK_BYTES:
                self._pass_on(_block(lines))
                lines, size = [], 0
        if lines:
            self._pass_on(_block(lines))

    def _on_time(self) -> None:
        self._timer = None
        self.flush()


def _block(lines: Sequence[bytes]) -> Block:
    return Block(len(lines), b"\n".join((*lines, b"")))
