"""Giving way to requests."""

from __future__ import annotations

import asyncio

REST_TURNS = 16  # turns of the loop: nothing on an idle process, milliseconds on a busy one


async def rest() -> None:
    """Let whatever is ready run first, so that what comes meanwhile travels together."""
    for _ in range(REST_TURNS):
        await asyncio.sleep(0)
