"""Keys by the file, imported by the command, killed half-way and started again."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import zlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.scale.places import Place
from unkey_api.core.clock import Clock
from unkey_api.infra.mysql import Query

RICH_EVERY = 10
IDENTITIES = 50_000
POLL_SECONDS = 0.02
DONE = 0


class FillFailed(Exception):
    """The import did not do what it should. The message says what."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a keyspace holds, as far as an import is to answer for it."""

    keys: int
    hashes: int
    """How many different ones."""
    checksum: int
    """Of all hashes, in any order."""
    identified: int
    """Keys with an identity."""
    limits: int
    roles: int
    """Keys with a role."""
    entries: int
    """Audit entries about imported keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """How an import went."""

    file_bytes: int
    seconds: tuple[float, ...]
    """Of each run of the command, from its start to its end."""
    killed_at: int
    """Keys in the database when the first run was killed; 0 when none was."""
    counts: Counts


_COUNTS = Query(
    "scale_counts",
    "SELECT COUNT(*) AS `keys`, COUNT(DISTINCT hash) AS hashes, CAST(BIT_XOR(CRC32(hash)) AS SIGNED) AS checksum,"
    " COUNT(identity_id) AS identified, (SELECT COUNT(*) FROM ratelimits) AS limits,"
    " (SELECT COUNT(*) FROM keys_roles) AS roles,"
    " (SELECT COUNT(*) FROM clickhouse_outbox WHERE payload LIKE '%% by import%%') AS entries"
    " FROM `keys` WHERE workspace_id = %(workspace_id)s AND for_workspace_id IS NULL",
    Counts,
)


def secret_of(number: int) -> str:
    """Return the secret of a key of the file."""
    return f"scale_{number:09d}"


def hash_of(number: int) -> str:
    """Return its hash, as it is stored."""
    return b64encode(hashlib.sha256(secret_of(number).encode()).digest()).decode()


def expected(keys: int) -> Counts:
    """Return what an import of so many keys has to leave."""
    checksum = 0
    for number in range(keys):
        checksum ^= zlib.crc32(hash_of(number).encode())
    rich = len(range(0, keys, RICH_EVERY))
    return Counts(keys, keys, checksum, rich, rich, rich, keys)


async def fill(place: Place, keys: int, *, kill: bool, seconds_max: float, clock: Clock) -> Filled:
    """Import a file of so many keys and count what is there. With `kill`, do it in two runs.

    Raises:
        FillFailed: It ended with an error, took too long, or the database does not hold exactly these keys.
    """
    file = place.folder / "keys.jsonl"
    with file.open("wb") as out:
        out.writelines(_lines(keys))
    seconds: list[float] = []
    killed_at = 0
    try:
        async with asyncio.timeout(seconds_max):
            if kill:
                began = clock.monotonic()
                await _kill_half_way(place, file, keys)
                seconds.append(clock.monotonic() - began)
                killed_at = (await _count(place)).keys
            began = clock.monotonic()
            await _run(place, file)
            seconds.append(clock.monotonic() - began)
    except TimeoutError as err:
        raise FillFailed(f"the import was not finished within {seconds_max} s") from err
    counts = await _count(place)
    if counts != expected(keys):
        raise FillFailed(f"the import left\n  {counts} and not\n  {expected(keys)}")
    return Filled(file_bytes=file.stat().st_size, seconds=tuple(seconds), killed_at=killed_at, counts=counts)


async def _count(place: Place) -> Counts:
    found = await place.database.primary.fetch_one(_COUNTS, {"workspace_id": place.workspace_id})
    if found is None:
        raise FillFailed("a count has no answer")
    return found


async def _start(place: Place, file: Path) -> asyncio.subprocess.Process:
    words = ["keys", "import", str(file), "--workspace", place.workspace_id, "--config", str(place.config)]
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "unkey_api", *words, stderr=subprocess.PIPE)


async def _run(place: Place, file: Path) -> None:
    process = await _start(place, file)
    try:
        _, said = await process.communicate()
    finally:
        _end(process)
    if process.returncode != DONE:
        raise FillFailed(f"the import ended with status {process.returncode}:\n{said.decode()}")


async def _kill_half_way(place: Place, file: Path, keys: int) -> None:
    process = await _start(place, file)
    try:
        while _imported(file) < keys // 2:
            if process.returncode is not None:
                raise FillFailed(f"the import ended before it was killed, with status {process.returncode}")
            await asyncio.sleep(POLL_SECONDS)
    finally:
        _end(process)
        await process.communicate()


def _imported(file: Path) -> int:
    """Return how many keys the journal says are in the database for certain."""
    try:
        journal = orjson.loads(file.with_name(f"{file.name}.journal").read_bytes())
    except FileNotFoundError:
        return 0
    return int(journal["done"][1])


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


def _lines(keys: int) -> Iterator[bytes]:
    for number in range(keys):
        line: dict[str, object] = {"hash": hash_of(number), "name": f"key {number}"}
        if number % RICH_EVERY == 0:
            line["meta"] = {"plan": "pro", "number": number}
            line["externalId"] = f"user_{number % IDENTITIES}"
            line["roles"] = ["reader"]
            line["ratelimits"] = [{"name": "requests", "limit": 100, "duration": 60_000}]
        yield orjson.dumps(line) + b"\n"
