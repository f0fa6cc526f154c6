"""Import keys from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass

from unkey_api.areas.keys.queries import list_taken_hashes
from unkey_api.areas.keys.schemes.finding import CANDIDATES_MAX, list_alike
from unkey_api.areas.keys.schemes.salted import read_salted
from unkey_api.areas.keys.transfer import queries
from unkey_api.areas.keys.transfer.journal import Journal, Pending, RejectsFile
from unkey_api.areas.keys.transfer.parsing import ParsedRecords, parsed_batches
from unkey_api.areas.keys.transfer.reading import RecordFile
from unkey_api.areas.keys.transfer.types import ImportRecord, ImportReport, Progress, Rejection, Target
from unkey_api.areas.keys.transfer.writing import BatchWriter, NameUnusable
from unkey_api.infra.mysql import Database, DuplicateKey

BATCH = 2_500  # keys per transaction: a second attempt after a deadlock is cheap, and nobody waits long for its locks
ATTEMPTS = 5

OnProgress = Callable[[int, int], None]
"""Takes bytes read so far and keys imported by this run."""


@dataclass(frozen=True, slots=True)
class _Plan:
    fit: list[ImportRecord]
    rejections: list[Rejection]


class ImportKeys:
    """Imports the records of a file, batch by batch."""

    def __init__(self, database: Database, writer: BatchWriter) -> None:
        self._database = database
        self._writer = writer
        self._unusable: dict[str, set[str]] = {}
        self._wary = True
        """Whether to ask for taken hashes first. While none are, the unique index is left to notice the next one."""

    async def __call__(
        self, source: RecordFile, target: Target, journal: Journal, rejects: RejectsFile, on_progress: OnProgress
    ) -> ImportReport:
        """Import everything from where an earlier run stopped. Killed at any moment, it can be run again.

        Raises:
            TransferRefused: The journal is of another import, or the file ends in the middle of a CSV record.
            StoreUnavailable: The store failed; run it again.
        """
        state = journal.read()
        done = state.done
        if state.pending is not None:
            committed = await queries.key_exists_for_good(self._database.primary, state.pending.first_key_id)
            done = state.pending.after if committed else done
        before = done.imported
        async with aclosing(parsed_batches(source.records(skip=done.number), target, BATCH)) as batches:
            async for parsed in batches:
                done = await self._batch(parsed, done, target, journal, rejects)
                on_progress(source.consumed, done.imported - before)
        journal.remove()
        return ImportReport(
            imported=done.imported,
            rejected=done.rejected,
            resumed=state.pending is not None,
            new=done.imported - before,
        )

    async def rehearse(
        self, source: RecordFile, target: Target, rejects: RejectsFile, on_progress: OnProgress
    ) -> ImportReport:
        """Do the same without writing to the database: parse, and look for hashes and ids that are taken."""
        rejects.keep(0)
        done, seen = Progress(), set[bytes]()
        async with aclosing(parsed_batches(source.records(), target, BATCH)) as batches:
            async for parsed in batches:
                plan = await self._plan(parsed, target, seen)
                done = rejects.append(done, plan.rejections)._replace(imported=done.imported + len(plan.fit))
                on_progress(source.consumed, done.imported)
        return ImportReport(imported=done.imported, rejected=done.rejected, resumed=False, new=done.imported)

    async def _batch(
        self, parsed: ParsedRecords, done: Progress, target: Target, journal: Journal, rejects: RejectsFile
    ) -> Progress:
        """Import one batch and return where the import stands then."""
        failures = 0
        while True:
            plan = await self._plan(parsed, target)
            rejects.keep(done.rejects_bytes)
            after = rejects.append(done, plan.rejections)
            after = after._replace(number=parsed.last, imported=done.imported + len(plan.fit))
            try:
                if plan.fit:
                    batch = self._writer.batch(target, plan.fit)
                    journal.write(done, Pending(batch.items[0][0], after))
                    await self._writer.write(batch)
            except NameUnusable as err:
                self._unusable.setdefault(err.kind, set()).add(err.name)
            except DuplicateKey:
                failures += 1
                self._wary = True
                if failures == ATTEMPTS:
                    raise
            else:
                return after  # the journal says so with the next batch; until then it says how to find out

    async def _plan(self, parsed: ParsedRecords, target: Target, seen: set[bytes] | None = None) -> _Plan:
        """Sort records into those that can be imported now and those that cannot. `seen` remembers across batches."""
        records, rejections = parsed.records, list(parsed.rejections)
        taken: set[str] = set()
        if self._wary or seen is not None:
            taken = await list_taken_hashes(self._database.primary, [record.key.hash for record in records])
            self._wary = bool(taken)
        # Ids are asked for in any case: the journal names a batch by the first, which nobody else may have.
        ids = [record.key_id for record in records if record.key_id is not None]
        taken |= await queries.list_taken_ids(self._database.primary, ids)
        alike = await self._full_lookups(target, records)
        fit: list[ImportRecord] = []
        for record in records:
            reason = self._obstacle(record, taken, alike)
            digest = record.key.hash.encode()
            if seen is not None:
                reason = reason or ("another line has the same hash" if digest in seen else "")
                seen.add(digest)
            if reason:
                rejections.append(Rejection(record.line, reason, record.key.hash))
                continue
            fit.append(record)
            taken.add(record.key.hash)
            if record.key_id is not None:
                taken.add(record.key_id)
        return _Plan(fit, sorted(rejections))

    def _obstacle(self, record: ImportRecord, taken: set[str], alike: dict[str, int]) -> str:
        """Return why a well-formed record cannot be imported, or nothing. Counts salted hashes that begin alike."""
        key = record.key
        if key.hash in taken:
            return "a key with this hash exists, or an earlier line has it"
        if record.key_id in taken:
            return "a key with this id exists, or an earlier line has it"
        used = {"permissions": key.permissions, "roles": key.roles, "externalId": (key.external_id,)}
        for kind, names in self._unusable.items():
            for name in names.intersection(used[kind]):
                return f"{kind}: one exists that differs from '{name}' in spelling only"
        salted = read_salted(key.hash)
        if salted is not None:
            alike[salted.lookup] = alike.get(salted.lookup, 0) + 1
            if alike[salted.lookup] > CANDIDATES_MAX:
                return (
                    f"more than {CANDIDATES_MAX} keys begin like '{salted.lookup}': give more characters in `visible`"
                )
        return ""

    async def _full_lookups(self, target: Target, records: Iterable[ImportRecord]) -> dict[str, int]:
        """Return how many pending keys begin like those with a salted hash, by lookup."""
        counts: dict[str, int] = {}
        for record in records:
            salted = read_salted(record.key.hash)
            if salted is None or salted.lookup in counts or target.migration_id is None:
                continue
            found = await list_alike(self._database.primary, target.workspace_id, target.migration_id, [salted.lookup])
            counts[salted.lookup] = len(found)
        return counts
