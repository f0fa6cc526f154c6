"""One attack after the other beside the victim, and the judgement."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from benchmarks.machine import resident_mib
from tests.attack.registry import ATTACKS, Attack, Target
from tests.attack.victim import GRPC, HTTP, Victim

STOP_SECONDS = 10.0
SETTLE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a victim may notice of an attack at most."""

    p99_ms: float
    memory_factor: float
    memory_mib: float = 0.0
    """Besides the factor."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one attack did."""

    name: str
    kind: str
    requests: int
    """Of the victim."""
    failures: tuple[str, ...]
    http_p99_ms: float
    grpc_p99_ms: float
    before_mib: float
    after_mib: float
    attacker: str = ""
    """What the attacker says: a failure of its own makes the row worthless."""

    def broken(self, bounds: Bounds) -> list[str]:
        """Return what is beyond the bounds."""
        found = [f"{len(self.failures)} failed, first {self.failures[0]}"] if self.failures else []
        if max(self.http_p99_ms, self.grpc_p99_ms) > bounds.p99_ms:
            found.append(f"p99 above {bounds.p99_ms:.0f} ms")
        if self.after_mib > self.before_mib * bounds.memory_factor + bounds.memory_mib:
            found.append(f"memory above {bounds.memory_factor} times what it was")
        if not self.requests:
            found.append("the victim was not served at all")
        return [*found, *([self.attacker] if self.attacker else [])]


class Attackers:
    """The process that attacks."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def attack(self, attack: Attack, seconds: float) -> str:
        """Carry one out. Returns what went wrong with the attacker itself."""
        reader, writer = self._process.stdout, self._process.stdin
        if reader is None or writer is None:
            raise RuntimeError("the attackers have no pipes")
        writer.write(json.dumps({"name": attack.name, "seconds": seconds}).encode() + b"\n")
        answer = json.loads(await reader.readline() or b'{"failed": "the attackers are gone"}')
        return str(answer.get("failed", ""))


@asynccontextmanager
async def attackers(target: Target) -> AsyncIterator[Attackers]:
    """Start them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.attack.attacker", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(target)).encode() + b"\n")
        yield Attackers(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def besiege(
    target: Target,
    victim: Victim,
    pids: Callable[[], Sequence[int]],
    *,
    seconds: float,
    names: Iterable[str] = (),
    told: Callable[[Row], None] = lambda _row: None,
) -> list[Row]:
    """Attack by every way, or by those named, for so long each. `told` hears of each row at once."""
    chosen = [ATTACKS[name] for name in names] or list(ATTACKS.values())
    rows = []
    async with attackers(target) as hostile, victim:
        await hostile.attack(chosen[0], 0)  # it has started, then
        for attack in chosen:
            before = resident_mib(pids())
            victim.begin()
            failed = await hostile.attack(attack, seconds)
            await asyncio.sleep(SETTLE_SECONDS)
            seen = victim.seen
            row = Row(
                name=attack.name,
                kind=attack.kind,
                requests=sum(len(each.milliseconds) for each in seen.values()),
                failures=tuple(failure for each in seen.values() for failure in each.failures),
                http_p99_ms=seen[HTTP].p99_ms,
                grpc_p99_ms=seen[GRPC].p99_ms,
                before_mib=before,
                after_mib=resident_mib(pids()),
                attacker=failed,
            )
            rows.append(row)
            told(row)
    return rows


def table(rows: Sequence[Row]) -> str:
    """Return rows as a table of Markdown."""
    head = "| attack | victim's requests | failed | p99 HTTP/1.1, ms | p99 gRPC, ms | MiB before | MiB after |\n"
    lines = [head, "|---|---|---|---|---|---|---|\n"]
    kind = ""
    for row in rows:
        if row.kind != kind:
            kind = row.kind
            lines.append(f"| **{kind}** | | | | | | |\n")
        lines.append(
            f"| {row.name} | {row.requests} | {len(row.failures)} | {row.http_p99_ms:.0f} | {row.grpc_p99_ms:.0f} "
            f"| {row.before_mib:.0f} | {row.after_mib:.0f} |\n"
        )
    return "".join(lines)
