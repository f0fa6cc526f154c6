"""Workspaces, for whoever runs the service: look at them, switch them off and on, limit them, delete them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from difflib import get_close_matches
from typing import Any

from unkey_api.admin import queries
from unkey_api.admin.types import (
    LIMITS,
    LimitsRow,
    WorkspaceDetails,
    WorkspaceProtected,
    WorkspaceRow,
    WorkspaceUnknown,
    unlimited,
)
from unkey_api.areas.rootkeys.keyspace import keeps_root_keys
from unkey_api.audit.service import AuditLog, changed_members
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.changes import workspace_changed
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.errors import InvalidInput
from unkey_api.core.principal import operator
from unkey_api.infra.mysql import Database, Transaction, WriteConn

NO_LIMIT = "none"
_MAY_BE_NONE = "requests-per-minute"
_YES_NO = {"yes": 1, "true": 1, "no": 0, "false": 0}


class WorkspaceAdmin:
    """The operator's use cases on workspaces. Every change is one transaction with its audit entry."""

    def __init__(self, database: Database, *, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    async def show(self, workspace_id: str) -> tuple[WorkspaceDetails, LimitsRow]:
        """Return a live workspace with what is in it, and its limits. Raises WorkspaceUnknown."""
        primary = self._database.primary
        details = await queries.show_workspace(primary, workspace_id)
        if details is None:
            raise WorkspaceUnknown(workspace_id)
        return details, await queries.find_limits(primary, workspace_id) or unlimited(workspace_id)

    async def switch(self, workspace_id: str, *, enabled: bool) -> bool:
        """Let a workspace's keys be used, or no longer. Returns False when it was so already.

        Raises:
            WorkspaceUnknown: No live workspace has this id.
            WorkspaceProtected: It is the one that root keys are kept in, which cannot be switched off.
        """
        now = UnixMs(self._clock.now_ms())

        async def work(tx: Transaction) -> bool:
            found = await self._locked(tx, workspace_id)
            if found.enabled == enabled:
                return False
            if not enabled:
                await _require_no_home(tx, workspace_id)
            await queries.set_workspace_enabled(tx, workspace_id, enabled=enabled, now=now)
            word = "Enabled" if enabled else "Disabled"
            changes = changed_members({"enabled": found.enabled}, {"enabled": enabled})
            await self._record(tx, found, AuditAction.WORKSPACE_UPDATE, word, changes)
            return True

        return await self._database.transaction("operator.workspace_switch", work)

    async def delete(self, workspace_id: str, *, although_protected: bool = False) -> WorkspaceRow:
        """Delete a workspace for good: its keys, root keys and tokens are refused from now on.

        Its rows stay, marked. Returns what was deleted.

        Raises:
            WorkspaceUnknown: No live workspace has this id.
            WorkspaceProtected: It is protected from deletion, or root keys are kept in it.
        """
        now = UnixMs(self._clock.now_ms())

        async def work(tx: Transaction) -> WorkspaceRow:
            found = await self._locked(tx, workspace_id)
            await _require_no_home(tx, workspace_id)
            if found.delete_protection and not although_protected:
                raise WorkspaceProtected(
                    f"workspace '{workspace_id}' is protected from deletion; `--force` overrides it"
                )
            await queries.mark_workspace_deleted(tx, workspace_id, now=now)
            await self._record(tx, found, AuditAction.WORKSPACE_DELETE, "Deleted", {})
            return found

        return await self._database.transaction("operator.workspace_delete", work)

    async def set_limits(self, workspace_id: str, wanted: Mapping[str, int | None]) -> LimitsRow:
        """Change some limits, by the names of `LIMITS`, and return all of them as they are now.

        Raises:
            WorkspaceUnknown: No live workspace has this id.
        """

        async def work(tx: Transaction) -> LimitsRow:
            found = await self._locked(tx, workspace_id)
            before = await queries.find_limits(tx, workspace_id) or unlimited(workspace_id)
            values: dict[str, Any] = {
                LIMITS[name][0]: value for name, value in wanted.items()
            }  # columns differ in type
            if "team_enabled" in values:
                values["team_enabled"] = bool(values["team_enabled"])
            after = replace(before, **values)
            await queries.put_limits(tx, after)
            changes = changed_members(asdict(before), asdict(after))
            await self._record(tx, found, AuditAction.WORKSPACE_UPDATE, "Limited", changes)
            return after

        return await self._database.transaction("operator.workspace_set_limits", work)

    async def _locked(self, tx: WriteConn, workspace_id: str) -> WorkspaceRow:
        found = await queries.lock_workspace(tx, workspace_id)
        if found is None:
            raise WorkspaceUnknown(workspace_id)
        return found

    async def _record(
        self, tx: Transaction, found: WorkspaceRow, action: AuditAction, word: str, changes: Mapping[str, object]
    ) -> None:
        target = AuditTarget(TargetType.WORKSPACE, found.id, found.name, changes)
        event = AuditEvent(action, f"{word} workspace {found.id}", (target,))
        await self._audit.record(tx, operator(found.id), [event])
        tx.tell(workspace_changed(found.id))


def parse_limit(text: str) -> tuple[str, int | None]:
    """Read `name=value`.

    Raises:
        InvalidInput: There is no such limit, or it cannot have this value. The sentence says what would be right.
    """
    name, found, value = text.partition("=")
    if not found:
        raise InvalidInput(f"'{text}' is no limit; write name=value, for instance requests-per-minute=600.")
    if name not in LIMITS:
        near = get_close_matches(name, LIMITS, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(LIMITS)}."
        raise InvalidInput(f"There is no limit '{name}'; {hint}")
    if value == NO_LIMIT and name == _MAY_BE_NONE:
        return name, None
    largest = LIMITS[name][1]
    number = _YES_NO.get(value, -1) if name == "team" else int(value) if value.isascii() and value.isdigit() else -1
    if not 0 <= number <= largest:
        allowed = "yes or no" if name == "team" else f"a number from 0 to {largest}"
        also = f", or {NO_LIMIT}" if name == _MAY_BE_NONE else ""
        raise InvalidInput(f"'{name}' must be {allowed}{also}; it is '{value[:40]}'.")
    return name, number


async def _require_no_home(tx: WriteConn, workspace_id: str) -> None:
    """Root keys are rows of a workspace; without it those that are could not be used."""
    if await keeps_root_keys(tx, workspace_id):
        raise WorkspaceProtected(f"root keys are kept in workspace '{workspace_id}'; nobody could call without it")
