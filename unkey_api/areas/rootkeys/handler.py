"""Serves unkey.rootkeys.v2.RootKeysService."""

from __future__ import annotations

from unkey_proto.unkey.rootkeys.v2 import rootkeys_pb as pb
from unkey_proto.unkey.rootkeys.v2.rootkeys_connect import RootKeysService

from unkey_api.areas.rootkeys.service import CreateRootKey, DeleteRootKey, ListRootKeys, RerollRootKey, UpdateRootKey
from unkey_api.areas.rootkeys.types import CreateRootKeyCommand, RootKey, UpdateRootKeyCommand
from unkey_api.core.paging import Page
from unkey_api.rpc.exchange import current_caller
from unkey_api.rpc.messages import page_size, pagination_of
from unkey_api.rpc.method import Context


class RootKeysHandler(RootKeysService):
    """Translates, calls one use case, translates back."""

    def __init__(
        self,
        *,
        create: CreateRootKey,
        list_keys: ListRootKeys,
        update: UpdateRootKey,
        reroll: RerollRootKey,
        delete: DeleteRootKey,
    ) -> None:
        self._create = create
        self._list_keys = list_keys
        self._update = update
        self._reroll = reroll
        self._delete = delete

    async def create_key(self, request: pb.CreateKeyRequest, ctx: Context, /) -> pb.CreateKeyResponse:
        """Create a root key."""
        issued = await self._create(current_caller(), to_create(request))
        return pb.CreateKeyResponse(key_id=issued.id, key=issued.secret.reveal())

    async def list_keys(self, request: pb.ListKeysRequest, ctx: Context, /) -> pb.ListKeysResponse:
        """List root keys."""
        limit = page_size(request)
        return from_page(await self._list_keys(current_caller().principal, limit=limit, cursor=request.cursor))

    async def update_key(self, request: pb.UpdateKeyRequest, ctx: Context, /) -> pb.UpdateKeyResponse:
        """Change a root key."""
        await self._update(current_caller(), to_update(request))
        return pb.UpdateKeyResponse()

    async def reroll_key(self, request: pb.RerollKeyRequest, ctx: Context, /) -> pb.RerollKeyResponse:
        """Replace a root key."""
        issued = await self._reroll(current_caller(), request.key_id, to_grace_ms(request))
        return pb.RerollKeyResponse(key_id=issued.id, key=issued.secret.reveal())

    async def delete_key(self, request: pb.DeleteKeyRequest, ctx: Context, /) -> pb.DeleteKeyResponse:
        """Delete a root key."""
        await self._delete(current_caller(), request.key_id)
        return pb.DeleteKeyResponse()


def to_create(request: pb.CreateKeyRequest) -> CreateRootKeyCommand:
    """Read a request to create a root key. An empty name is none."""
    return CreateRootKeyCommand(
        permissions=tuple(request.permissions),
        name=request.name or None,
        expires_ms=request.expires if request.has_field("expires") else None,
    )


def to_update(request: pb.UpdateKeyRequest) -> UpdateRootKeyCommand:
    """Read a request to change a root key."""
    cleared = frozenset(request.null_fields.paths) if request.null_fields else frozenset()
    return UpdateRootKeyCommand(
        key_id=request.key_id,
        set_name=request.has_field("name") or "name" in cleared,
        name=None if "name" in cleared else request.name or None,
        enabled=request.enabled if request.has_field("enabled") else None,
        permissions=tuple(request.permissions) if request.permissions or "permissions" in cleared else None,
    )


def to_grace_ms(request: pb.RerollKeyRequest) -> int | None:
    """Return for how long the old key keeps working; None leaves it alone."""
    return request.expiration if request.has_field("expiration") else None


def from_page(page: Page[RootKey]) -> pb.ListKeysResponse:
    """Return one page."""
    return pb.ListKeysResponse(keys=[from_root_key(key) for key in page.items], pagination=pagination_of(page))


def from_root_key(key: RootKey) -> pb.RootKey:
    """Return a root key as it is shown. Last characters of secrets are not recorded."""
    return pb.RootKey(
        key_id=key.id,
        name=key.name,
        start=key.start,
        end="",
        enabled=key.enabled,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        expires=key.expires,
        permissions=list(key.permissions),
    )
