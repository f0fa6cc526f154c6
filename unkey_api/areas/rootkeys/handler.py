"""Serves unkey.rootkeys.v2.RootKeysService."""

from __future__ import annotations

from unkey_proto.unkey.rootkeys.v2 import rootkeys_pb as pb
from unkey_proto.unkey.rootkeys.v2.rootkeys_connect import RootKeysService

from unkey_api.areas.rootkeys import convert
from unkey_api.areas.rootkeys.service.create import CreateRootKey
from unkey_api.areas.rootkeys.service.delete import DeleteRootKey
from unkey_api.areas.rootkeys.service.read import ListRootKeys
from unkey_api.areas.rootkeys.service.reroll import RerollRootKey
from unkey_api.areas.rootkeys.service.update import UpdateRootKey
from unkey_api.rpc.exchange import current_caller
from unkey_api.rpc.messages import page_size
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
        issued = await self._create(current_caller(), convert.to_create(request))
        return pb.CreateKeyResponse(key_id=issued.id, key=issued.secret.reveal())

    async def list_keys(self, request: pb.ListKeysRequest, ctx: Context, /) -> pb.ListKeysResponse:
        """List root keys."""
        limit = page_size(request)
        return convert.from_page(await self._list_keys(current_caller().principal, limit=limit, cursor=request.cursor))

    async def update_key(self, request: pb.UpdateKeyRequest, ctx: Context, /) -> pb.UpdateKeyResponse:
        """Change a root key."""
        await self._update(current_caller(), convert.to_update(request))
        return pb.UpdateKeyResponse()

    async def reroll_key(self, request: pb.RerollKeyRequest, ctx: Context, /) -> pb.RerollKeyResponse:
        """Replace a root key."""
        issued = await self._reroll(current_caller(), request.key_id, convert.to_grace_ms(request))
        return pb.RerollKeyResponse(key_id=issued.id, key=issued.secret.reveal())

    async def delete_key(self, request: pb.DeleteKeyRequest, ctx: Context, /) -> pb.DeleteKeyResponse:
        """Delete a root key."""
        await self._delete(current_caller(), request.key_id)
        return pb.DeleteKeyResponse()
