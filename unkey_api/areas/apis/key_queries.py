"""Reading the keys of an API, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.areas.apis.types import LiveApi
from unkey_api.areas.keys.live_queries import KeyDetails, LiveKey
from unkey_api.areas.keys.service.get import ShownKey
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import KeyHash, KeyId
from unkey_api.infra.mysql import ReadConn, load_query


@dataclass(frozen=True, slots=True)
class ListedKeyRow(KeyDetails):
    """A key with everything that is shown of it. What it shares with its API is not repeated."""

    id: KeyId
    hash: KeyHash
    start: str
    name: str | None
    workspace_id: str
    for_workspace_id: str | None
    meta: str | None
    expires: UnixMs | None
    enabled: bool
    remaining_requests: int | None
    refill_day: int | None
    refill_amount: int | None
    encrypted: str | None

    def shown(self, api: LiveApi) -> ShownKey:
        """Return the key of this API as its owner sees it, without its secret."""
        return ShownKey(self._key(api), self)

    def _key(self, api: LiveApi) -> LiveKey:
        return LiveKey(
            id=self.id,
            hash=self.hash,
            start=self.start,
            name=self.name,
            workspace_id=self.workspace_id,
            for_workspace_id=self.for_workspace_id,
            keyspace_id=api.keyspace_id,
            identity_id=self.identity_id,
            meta=self.meta,
            expires=self.expires,
            enabled=self.enabled,
            remaining_requests=self.remaining_requests,
            refill_day=self.refill_day,
            refill_amount=self.refill_amount,
            api_id=api.id,
            api_name=api.name,
            store_encrypted_keys=api.store_encrypted_keys,
            default_prefix=api.default_prefix,
            default_bytes=api.default_bytes,
            encrypted=self.encrypted,
        )


_LIST = load_query(__package__, "key_list_of_keyspace", row=ListedKeyRow)


async def list_keys(
    conn: ReadConn, api: LiveApi, *, cursor: str, external_id: str | None, limit: int
) -> list[ShownKey]:
    """Return at most `limit` keys of the API by ascending id, the first not below `cursor`, with one statement.

    `external_id` restricts to the keys of one identity; None does not.
    """
    params = {
        "keyspace_id": api.keyspace_id,
        "workspace_id": api.workspace_id,
        "cursor": cursor,
        "external_id": external_id,
        "limit": limit,
    }
    return [row.shown(api) for row in await conn.fetch_all(_LIST, params)]
