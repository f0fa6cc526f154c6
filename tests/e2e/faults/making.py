"""Keys to verify under load, and the calls that verify them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tests.support.harness import Caller
from tests.support.load import Call
from tests.support.served import fetch
from tests.support.waiting import eventually

PLENTY = 1_000_000_000
MINUTE_MS = 60_000


async def post(base: str, path: str, body: object, caller: Caller) -> tuple[int, Any]:
    """Call an operation and return status and body; the body is JSON of any shape."""
    status, text = await asyncio.to_thread(fetch, f"{base}{path}", body, authorized(caller))
    return status, json.loads(text)


async def made(base: str, path: str, body: object, caller: Caller) -> Any:
    """Call an operation that must succeed and return its data."""
    status, answer = await post(base, path, body, caller)
    assert status == 200, answer
    return answer["data"]


def authorized(caller: Caller) -> dict[str, str]:
    """Return the headers of a caller's requests."""
    return {"authorization": f"Bearer {caller.root_key}", "content-type": "application/json"}


async def make_keys(
    base: str, caller: Caller, count: int, *, settled: Callable[[], Awaitable[bool]] | None = None, **fields: object
) -> list[dict[str, str]]:
    """Create keys in an API of their own: `key` is the secret, `keyId` its id.

    `settled` says whether what was written can be read, where that is not at once.
    """
    api = await made(base, "/v2/apis.createApi", {"name": "faults"}, caller)
    if settled is not None:
        await eventually(settled, within_seconds=30)
    keys = [await made(base, "/v2/keys.createKey", {"apiId": api["apiId"], **fields}, caller) for _ in range(count)]
    if settled is not None:
        await eventually(settled, within_seconds=30)
    return keys


def verify(key: dict[str, str]) -> Call:
    """Return the call that verifies a key; only its own answer names it."""
    return Call(
        "/v2/keys.verifyKey",
        json.dumps({"key": key["key"]}).encode(),
        b'"valid":true,"code":"VALID","keyId":"%s"' % key["keyId"].encode(),
    )


def limit(namespace: str, identifiers: Sequence[str]) -> list[Call]:
    """Return calls that count against limits nobody reaches."""
    return [
        Call(
            "/v2/ratelimit.limit",
            json.dumps({"namespace": namespace, "identifier": each, "limit": PLENTY, "duration": MINUTE_MS}).encode(),
            b'"success":true',
        )
        for each in identifiers
    ]
