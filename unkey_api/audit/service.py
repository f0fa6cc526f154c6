"""Writing audit entries, and telling in them what an update changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from unkey_api.audit.queries import OutboxRow, insert_outbox
from unkey_api.audit.types import AuditEvent, AuditLogFailed, AuditTarget
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.core.principal import Caller
from unkey_api.infra.mysql import StoreUnavailable, WriteConn

VERSION = "audit_log.v1"
BUCKET = "unkey_mutations"
SOURCE = "platform"


class AuditLog:
    """Records events in the transaction of the change they report."""

    def __init__(self, *, clock: Clock, ids: IdSource) -> None:
        self._clock = clock
        self._ids = ids

    async def record(
        self, tx: WriteConn, caller: Caller, events: Sequence[AuditEvent], correlation_id: str | None = None
    ) -> None:
        """Insert one entry per event with one statement; no events, no statement.

        An event keeps its own correlation id. Without one it gets `correlation_id`; without that a fresh one, shared by
        all events of the call, if there are several; a lone event gets none.

        Raises:
            AuditLogFailed: The entries were not written; let it roll the change back.
        """
        if not events:
            return
        shared = correlation_id or (self._ids.new(IdPrefix.CORRELATION) if len(events) > 1 else "")
        now = UnixMs(self._clock.now_ms())
        rows = (self._row(caller, event, event.correlation_id or shared, now) for event in events)
        try:
            await insert_outbox(tx, rows)
        except StoreUnavailable as err:
            raise AuditLogFailed(internal=err.internal) from err

    def _row(self, caller: Caller, event: AuditEvent, correlation_id: str, now: UnixMs) -> OutboxRow:
        event_id = self._ids.new(IdPrefix.EVENT)
        workspace_id = caller.principal.workspace_id
        payload = {
            "event_id": event_id,
            "time": now,
            "workspace_id": workspace_id,
            "bucket": BUCKET,
            "source": SOURCE,
            "event": event.action.value,
            "description": event.description,
            "actor": _actor(caller),
            **_filled(
                remote_ip=caller.remote_ip,
                user_agent=caller.user_agent,
                meta=event.meta,
                targets=[_target(target) for target in event.targets],
                correlation_id=correlation_id,
            ),
        }
        return OutboxRow(
            version=VERSION,
            workspace_id=workspace_id,
            event_id=event_id,
            payload=orjson.dumps(payload).decode(),
            created_at=now,
        )


def _actor(caller: Caller) -> Mapping[str, object]:
    who = caller.principal
    return {"type": who.subject_type.value, "id": who.subject_id, **_filled(name=who.subject_name)}


def _target(target: AuditTarget) -> Mapping[str, object]:
    return {"type": target.type.value, "id": target.id, **_filled(name=target.name, meta=target.meta)}


def _filled(**values: object) -> dict[str, object]:
    """Return the values that are not empty."""
    return {name: value for name, value in values.items() if value}


VALUE_BYTES_MAX = 2_048
"""JSON of a value that is told in full; of a larger one its size is told."""


def changed_members(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """Return `{"changes": {member: {"from": …, "to": …}}}` for the members that differ; nothing when none does.

    Give it what can be shown to the people of the workspace, and never a secret. Both sides have the same members.
    """
    changes = {
        member: {"from": _told(value), "to": _told(after[member])}
        for member, value in before.items()
        if value != after[member]
    }
    return {"changes": changes} if changes else {}


def _told(value: object) -> object:
    size = len(orjson.dumps(value))
    return value if size <= VALUE_BYTES_MAX else f"({size} bytes)"
