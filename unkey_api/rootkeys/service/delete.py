"""Delete a root key."""

from __future__ import annotations

from unkey_api.audit.types import AuditAction
from unkey_api.core.identifiers import KeyHash
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import WriteConn
from unkey_api.rootkeys import events, queries, requirements
from unkey_api.rootkeys.service.parts import RootKeyParts, locked


class DeleteRootKey:
    """Deletes a root key, also the caller's own and the last one."""

    def __init__(self, parts: RootKeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str) -> None:
        """Delete it; this process refuses it from the next request on. Not repeatable: then it is not found.

        Raises:
            RootKeyNotFound: The workspace has no such root key.
            InsufficientPermissions: The caller may not delete it, as of now.
            AppError: The caller was revoked meanwhile, as `CallerStanding` says.
            StoreUnavailable: Nothing was changed.
        """
        await self._parts.database.transaction(
            "root_keys.delete", lambda tx: self._write(tx, caller, key_id), on_commit=self._parts.directory.forget
        )

    async def _write(self, tx: WriteConn, caller: Caller, key_id: str) -> KeyHash:
        principal, key, _ = await locked(tx, self._parts.standing, caller.principal, key_id)
        require(principal.permissions, requirements.on_root_key(principal.workspace_id, key.id, "delete"))
        await queries.mark_deleted(tx, principal.workspace_id, key.id, now=self._parts.now())
        target = events.target_of(key.id, key.name)
        event = events.changed(AuditAction.KEY_DELETE, f"Deleted root key {key.id}", target)
        await self._parts.audit.record(tx, caller, [event])
        return key.hash
