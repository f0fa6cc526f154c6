"""Who a caller is at this moment, for changes that must not rest on what was cached a while ago."""

from __future__ import annotations

from dataclasses import dataclass, field

from unkey_api.areas.keys.verification.queries import find_by_hash
from unkey_api.areas.keys.verification.record import from_row
from unkey_api.auth.jwt import OrganizationDisabled, OrganizationWithoutWorkspace
from unkey_api.auth.root_key import admitted
from unkey_api.auth.workspaces import OrganizationWorkspace
from unkey_api.core.clock import Clock
from unkey_api.core.ids import KeyHash
from unkey_api.core.principal import Principal, SubjectType
from unkey_api.infra.mysql import WriteConn, load_query


@dataclass(frozen=True, slots=True)
class _KeyRow:
    hash: KeyHash


_LOCK_KEY = load_query(__package__, "caller_key_lock", row=_KeyRow)
_LOCK_WORKSPACE = load_query(__package__, "caller_workspace_lock", row=OrganizationWorkspace)


@dataclass(frozen=True, slots=True)
class LockedCaller:
    """A caller whose row does not change before the transaction ends; not judged yet. Satisfies `HeldCaller`."""

    principal: Principal
    """As it was let in."""
    key_hash: KeyHash | None = None
    """Of its root key; None when that is gone, and for other credentials."""
    workspace: OrganizationWorkspace | None = None
    """Of its token; None when that is gone, and for root keys."""
    clock: Clock = field(kw_only=True)

    async def judge(self, tx: WriteConn) -> Principal:
        """Return the caller with what it holds now.

        Raises:
            RootKeyUnknown: The root key was deleted, or its API was.
            RootKeyWorkspaceMissing: Its workspace does not exist any more.
            RootKeyWorkspaceDisabled: Its workspace was disabled.
            RootKeyDisabled: It was switched off.
            RootKeyExpired: It has expired.
            OrganizationWithoutWorkspace: The workspace of a token was deleted.
            OrganizationDisabled: The workspace of a token was disabled.
            StoreUnavailable: Nobody can tell.
        """
        if self.principal.subject_type is not SubjectType.ROOT_KEY:
            return _judge_workspace(self)
        row = None if self.key_hash is None else await find_by_hash(tx, self.key_hash)
        return admitted(None if row is None else from_row(row), self.clock.now_ms())


class CallerStanding:
    """Reads callers again, under a lock, by the rules that let them in. Satisfies `CallerLocks`.

    In two steps, because a transaction sees what it reads without a lock as it was when it first did so: take every
    lock the transaction needs, then judge.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def lock(self, tx: WriteConn, principal: Principal) -> LockedCaller:
        """Hold the caller as it is. A token has no row of its own: of its holder, the workspace is held."""
        if principal.subject_type is SubjectType.ROOT_KEY:
            values = {"id": principal.subject_id, "for_workspace_id": principal.workspace_id}
            row = await tx.fetch_one(_LOCK_KEY, values)
            return LockedCaller(principal, key_hash=row.hash if row else None, clock=self._clock)
        workspace = await tx.fetch_one(_LOCK_WORKSPACE, {"id": principal.workspace_id})
        return LockedCaller(principal, workspace=workspace, clock=self._clock)


def _judge_workspace(caller: LockedCaller) -> Principal:
    if caller.workspace is None:
        raise OrganizationWithoutWorkspace
    if not caller.workspace.enabled:
        raise OrganizationDisabled
    return caller.principal
