"""Create a key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from unkey_api.areas.identities.queries import NewIdentity, ensure_identity
from unkey_api.areas.keys import queries, requirements
from unkey_api.areas.keys.errors import (
    EncryptionUnsupported,
    IssuingApiNotFound,
    NoKeyspace,
    NoVault,
    RefillDayMissing,
    RefillNeedsRemaining,
)
from unkey_api.areas.keys.queries import IssuingApiRow, NewEncryptedKey, NewKey, NewRatelimit, new_ratelimits
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.grants import grant_permissions, grant_roles
from unkey_api.areas.keys.service.parts import KeyParts, encrypt, length_of
from unkey_api.areas.keys.types import META_BYTES_MAX, CreateKeyCommand, CreditSettings, RefillInterval
from unkey_api.areas.parts import with_fresh_ids
from unkey_api.areas.permissions.ensure import new_permissions
from unkey_api.areas.permissions.queries import NewPermission
from unkey_api.audit.types import AuditEvent
from unkey_api.core.changes import key_changed
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdentityId, IdPrefix, KeyId, KeyspaceId
from unkey_api.core.keymaterial import KeyMaterial, generate_key
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.core.secret import Secret
from unkey_api.core.text import require_bytes_at_most
from unkey_api.infra.mysql import Transaction
from unkey_api.infra.vault import Ciphertext


class CreatedKey(NamedTuple):
    """A key that was created."""

    id: KeyId
    secret: Secret
    """The only time anyone sees it, unless the key is recoverable."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """Everything that is settled before the transaction, so that a replay writes the same."""

    command: CreateKeyCommand
    api: IssuingApiRow
    key: NewKey
    secret: Ciphertext | None
    identity: NewIdentity | None
    limits: list[NewRatelimit]
    permissions: dict[str, NewPermission]
    correlation_id: str

    @property
    def now(self) -> UnixMs:
        """When the key is created."""
        return self.key.created_at_m


class CreateKey:
    """Creates a key for an API."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: CreateKeyCommand) -> CreatedKey:
        """Create the key with its identity, limits, permissions and roles; all of it or nothing.

        Raises:
            IssuingApiNotFound: There is no such API for this caller.
            NoKeyspace: The API cannot hold keys.
            NoVault: A recoverable key was asked for, and no vault is configured.
            EncryptionUnsupported: The same, and the API does not keep keys recoverably.
            EncryptionFailed: The same, and the vault failed.
            InvalidInput: Credits contradict each other, or the metadata is too large.
            RoleNotFound: A role does not exist.
            PermissionDiffersInCase: A new permission differs from an existing one in letter case only.
            StoreUnavailable: Nothing was created.
        """
        api, keyspace_id = await self._issuing_api(caller, command.api_id)
        material = generate_key(
            self._parts.random_bytes,
            byte_length=length_of(command.byte_length, api.default_bytes),
            prefix=command.prefix or api.default_prefix or "",
        )
        ciphertext = await self._encrypted(caller, api, keyspace_id, material) if command.recoverable else None
        check_credits(command.credits)
        if command.meta is not None:
            require_bytes_at_most("`meta`", command.meta, cap=META_BYTES_MAX)
        project_id = api.default_project_id
        if project_id is None:
            project_id = await self._parts.projects.ensure(self._parts.database.primary, api.workspace_id)

        async def attempt() -> KeyId:
            draft = self._draft(command, api, keyspace_id, material, ciphertext, project_id)
            await self._parts.database.transaction("keys.create", lambda tx: self._write(tx, caller, draft))
            return draft.key.id

        return CreatedKey(await with_fresh_ids(attempt, self._parts.sleep), material.plaintext)

    async def _issuing_api(self, caller: Caller, api_id: str) -> tuple[IssuingApiRow, KeyspaceId]:
        workspace_id = caller.principal.workspace_id
        api = await queries.find_issuing_api(self._parts.database.primary, api_id)
        if api is None or api.workspace_id != workspace_id or api.deleted_at is not None:
            raise IssuingApiNotFound.by_id(api_id)
        needed = requirements.create_in(workspace_id, api.id, api.keyspace_id)
        require(caller.principal.permissions, needed, hide_as=IssuingApiNotFound)
        if api.keyspace_deleted_at is not None:
            raise IssuingApiNotFound(internal=f"keyspace of api {api_id} is deleted")
        if api.keyspace_id is None:
            raise NoKeyspace
        return api, api.keyspace_id

    async def _encrypted(
        self, caller: Caller, api: IssuingApiRow, keyspace_id: KeyspaceId, material: KeyMaterial
    ) -> Ciphertext:
        vault = self._parts.vault
        if vault is None:
            raise NoVault
        needed = requirements.encrypt_in(api.workspace_id, api.id, keyspace_id)
        require(caller.principal.permissions, needed, hide_as=IssuingApiNotFound)
        if not api.store_encrypted_keys:
            raise EncryptionUnsupported
        return await encrypt(vault, api.workspace_id, material.plaintext)

    def _draft(
        self,
        command: CreateKeyCommand,
        api: IssuingApiRow,
        keyspace_id: KeyspaceId,
        material: KeyMaterial,
        ciphertext: Ciphertext | None,
        project_id: str,
    ) -> _Draft:
        ids, now = self._parts.ids, self._parts.now()
        workspace_id = api.workspace_id
        balance = command.credits
        refill = balance.refill if balance else None
        key = NewKey(
            id=KeyId(ids.new(IdPrefix.KEY)),
            key_auth_id=keyspace_id,
            hash=material.hash,
            start=material.start,
            workspace_id=workspace_id,
            created_at_m=now,
            name=command.name,
            meta=command.meta,
            expires=queries.expiry_column(command.expires_ms),
            enabled=command.enabled,
            remaining_requests=balance.remaining if balance else None,
            refill_day=refill.day if refill and refill.interval is RefillInterval.MONTHLY else None,
            refill_amount=refill.amount if refill else None,
        )
        identity = (
            NewIdentity(
                IdentityId(ids.new(IdPrefix.IDENTITY)), command.external_id, workspace_id, project_id, created_at=now
            )
            if command.external_id is not None
            else None
        )
        limits = new_ratelimits(ids, workspace_id, key.id, command.ratelimits, now=now)
        permissions = new_permissions(ids, workspace_id, project_id, dict.fromkeys(command.permissions), now=now)
        correlation_id = ids.new(IdPrefix.CORRELATION)
        return _Draft(command, api, key, ciphertext, identity, limits, permissions, correlation_id)

    async def _write(self, tx: Transaction, caller: Caller, draft: _Draft) -> None:
        key, now = draft.key, draft.now
        workspace_id = key.workspace_id
        if not await queries.hold_api(tx, workspace_id, draft.api.id):
            raise IssuingApiNotFound(internal=f"api {draft.api.id} was deleted meanwhile")
        if draft.identity is not None:
            key = replace(key, identity_id=await ensure_identity(tx, draft.identity))
        await queries.insert_keys(tx, [key])
        if draft.secret is not None:
            stored = NewEncryptedKey(workspace_id, key.id, now, draft.secret.encrypted, draft.secret.key_id)
            await queries.insert_encrypted(tx, stored)
        await queries.put_ratelimits(tx, draft.limits)
        permissions = await grant_permissions(tx, workspace_id, key.id, draft.permissions, now=now)
        roles = await grant_roles(tx, workspace_id, key.id, draft.command.roles, now=now)
        target = events.key_target(key.id, key.name or "")
        log: list[AuditEvent] = [
            events.permission_connected(target, permission.id, label=permission.slug, shown=permission.slug)
            for permission in permissions
        ]
        log += [events.role_connected(target, role.id, role.name) for role in roles]
        log.append(events.key_created(key.id, key.id, events.api_target(draft.api.id, draft.api.name)))
        await self._parts.audit.record(tx, caller, log, draft.correlation_id)
        tx.tell(key_changed(workspace_id, key.hash, key.key_auth_id))


def check_credits(wanted: CreditSettings | None) -> None:
    """Return when the credits make sense together.

    Raises:
        RefillNeedsRemaining: There is a refill, and use is unlimited.
        RefillDayMissing: A monthly refill has no day.
    """
    if wanted is None or wanted.refill is None:
        return
    if wanted.remaining is None:
        raise RefillNeedsRemaining
    if wanted.refill.interval is RefillInterval.MONTHLY and wanted.refill.day is None:
        raise RefillDayMissing
