"""Making root keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unkey_api.areas.keys.queries import NewKey, expiry_column, insert_keys
from unkey_api.areas.rootkeys.grants import Grant, Grants
from unkey_api.areas.rootkeys.queries import KeyspaceRow
from unkey_api.core.changes import root_key_changed
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix, IdSource, KeyId
from unkey_api.core.keymaterial import KeyMaterial, RandomBytes, generate_key
from unkey_api.infra.mysql import Transaction

PREFIX = "unkey"
SECRET_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeyDraft:
    """A root key to write; settled before the transaction, so that a replay writes the same."""

    id: KeyId
    material: KeyMaterial
    created_at: UnixMs


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeySettings:
    """What a new root key is to be."""

    for_workspace_id: str
    name: str | None
    permissions: Iterable[str]
    """Repetitions count once."""
    expires_ms: int | None = None
    enabled: bool = True


class RootKeyIssuing:
    """Draws secrets and writes root keys with their permissions."""

    def __init__(self, grants: Grants, *, clock: Clock, ids: IdSource, random_bytes: RandomBytes) -> None:
        self._grants = grants
        self._clock = clock
        self._ids = ids
        self._random_bytes = random_bytes

    def draft(self) -> RootKeyDraft:
        """Draw an id and a secret."""
        return RootKeyDraft(
            id=KeyId(self._ids.new(IdPrefix.KEY)),
            material=generate_key(self._random_bytes, byte_length=SECRET_BYTES, prefix=PREFIX),
            created_at=UnixMs(self._clock.now_ms()),
        )

    async def write(
        self, tx: Transaction, draft: RootKeyDraft, root_keyspace: KeyspaceRow, wanted: RootKeySettings
    ) -> list[Grant]:
        """Insert the key and its permissions and return the latter. Raises DuplicateKey when the id is taken."""
        key = NewKey(
            id=draft.id,
            key_auth_id=root_keyspace.key_auth_id,
            hash=draft.material.hash,
            start=draft.material.start,
            workspace_id=root_keyspace.workspace_id,
            for_workspace_id=wanted.for_workspace_id,
            name=wanted.name,
            expires=expiry_column(wanted.expires_ms),
            enabled=wanted.enabled,
            created_at_m=draft.created_at,
        )
        await insert_keys(tx, [key])
        tx.tell(root_key_changed(wanted.for_workspace_id, key.hash))
        return await self._grants.give(tx, root_keyspace.workspace_id, draft.id, wanted.permissions)
