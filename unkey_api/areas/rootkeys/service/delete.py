"""Delete a root key."""

from __future__ import annotations

from unkey_api.areas.rootkeys import requirements
from unkey_api.areas.rootkeys.service.parts import RootKeyParts, locked
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction


class DeleteRootKey:
    """Deletes a root key, also the caller's own and the last one."""

    def __init__(self, parts: RootKeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str) -> None:
        """Delete it; this process refuses it from the next request on. Not repeatable: then it is not found.

        Raises:
            RootKeyNotFound: The workspace has no such root key.
            InsufficientPermissions: The caller may not delete it, as of now.
            AppError: The caller was revoked meanwhile, as `HeldCaller` says.
            StoreUnavailable: Nothing was changed.
        """
        await self._parts.database.transaction("root_keys.delete", lambda tx: self._write(tx, caller, key_id))

    async def _write(self, tx: Transaction, caller: Caller, key_id: str) -> None:
        principal, (key, _) = await locked(tx, self._parts.callers, caller.principal, key_id)
        require(principal.permissions, requirements.on_root_key(principal.workspace_id, key.id, "delete"))
        await self._parts.writer.delete(tx, caller, key)
