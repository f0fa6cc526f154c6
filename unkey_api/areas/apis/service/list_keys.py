"""List the keys of an API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import structlog

from unkey_api.areas.apis import requirements
from unkey_api.areas.apis.errors import ApiKeepsNoSecrets
from unkey_api.areas.apis.key_queries import list_keys
from unkey_api.areas.apis.live import LiveApis
from unkey_api.areas.apis.types import LiveApi
from unkey_api.areas.keys.errors import ApiNotFound, NoVault
from unkey_api.areas.keys.service.get import ShownKey
from unkey_api.core.paging import Page, cut_page
from unkey_api.core.principal import Principal
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import ReadsOf
from unkey_api.infra.vault import VaultClient, VaultUnavailable

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ListKeysCommand(NamedTuple):
    """Which keys to list."""

    api_id: str
    limit: int
    """At least 1."""
    cursor: str
    """Any text; empty starts at the beginning."""
    external_id: str | None
    """Only keys of this identity."""
    decrypt: bool
    """Whether to show secrets that are kept."""


class ListKeys:
    """Lists the keys of an API."""

    def __init__(self, apis: LiveApis, reads_of: ReadsOf, vault: VaultClient | None) -> None:
        """Take the parts; `vault` is None when none is configured."""
        self._apis = apis
        self._reads_of = reads_of
        self._vault = vault

    async def __call__(self, principal: Principal, command: ListKeysCommand) -> Page[ShownKey]:
        """Return one page of keys by ascending id, disabled and expired ones included.

        A vault that is away is no reason not to list: the keys come without secrets then.

        Raises:
            ApiNotFound: There is no such API in the caller's workspace, or the caller may not read its keys.
            NoVault: `decrypt`, and no vault is configured.
            InsufficientPermissions: `decrypt`, and the caller may read the keys but not decrypt them.
            ApiKeepsNoSecrets: `decrypt`, and the keyspace keeps no secrets.
            StoreUnavailable: They could not be read.
        """
        api = await self._apis.get(principal.workspace_id, command.api_id)
        may_list = requirements.list_keys(api.workspace_id, api.id, api.keyspace_id)
        require(principal.permissions, may_list, hide_as=ApiNotFound)
        vault = self._vault_for(principal, api) if command.decrypt else None
        conn = self._reads_of(api.workspace_id)
        keys = await list_keys(
            conn, api, cursor=command.cursor, external_id=command.external_id, limit=command.limit + 1
        )
        page = cut_page(keys, limit=command.limit, id_of=lambda shown: shown.key.id)
        if vault is None:
            return page
        return Page(await _decrypted(vault, api.workspace_id, page.items), page.next_cursor)

    def _vault_for(self, principal: Principal, api: LiveApi) -> VaultClient:
        if self._vault is None:
            raise NoVault
        require(principal.permissions, requirements.decrypt_keys(api.workspace_id, api.id, api.keyspace_id))
        if not api.store_encrypted_keys:
            raise ApiKeepsNoSecrets
        return self._vault


async def _decrypted(vault: VaultClient, workspace_id: str, keys: Sequence[ShownKey]) -> list[ShownKey]:
    """Return the keys with their secrets, where they are kept; one call to the vault, none for nothing."""
    encrypted: dict[str, str] = {shown.key.id: shown.key.encrypted for shown in keys if shown.key.encrypted}
    if not encrypted:
        return list(keys)
    try:
        secrets = await vault.decrypt_many(workspace_id, encrypted)
    except VaultUnavailable as err:
        _log.warning("keys could not be decrypted", workspace_id=workspace_id, count=len(encrypted), error=err.internal)
        return list(keys)
    return [replace(shown, plaintext=secrets.get(shown.key.id)) for shown in keys]
