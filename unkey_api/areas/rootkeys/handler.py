"""Serves unkey.rootkeys.v2.RootKeysService."""

from __future__ import annotations

from dataclasses import dataclass

from connectrpc.request import RequestContext
from unkey_proto.unkey.rootkeys.v2 import rootkeys_pb as pb
from unkey_proto.unkey.rootkeys.v2.rootkeys_connect import RootKeysService

from unkey_api.areas.rootkeys import convert
from unkey_api.areas.rootkeys.service.create import CreateRootKey
from unkey_api.areas.rootkeys.service.delete import DeleteRootKey
from unkey_api.areas.rootkeys.service.read import ListRootKeys
from unkey_api.areas.rootkeys.service.reroll import RerollRootKey
from unkey_api.areas.rootkeys.service.update import UpdateRootKey
from unkey_api.rpc.exchange import current_caller


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeyUseCases:
    """What the handler serves."""

    create: CreateRootKey
    list: ListRootKeys
    update: UpdateRootKey
    reroll: RerollRootKey
    delete: DeleteRootKey


class RootKeysHandler(RootKeysService):
    """Translates, calls one use case, translates back."""

    def __init__(self, use_cases: RootKeyUseCases) -> None:
        self._do = use_cases

    async def create_key(
        self, request: pb.CreateKeyRequest, ctx: RequestContext[pb.CreateKeyRequest, pb.CreateKeyResponse], /
    ) -> pb.CreateKeyResponse:
        """Create a root key."""
        issued = await self._do.create(current_caller(), convert.to_create(request))
        return pb.CreateKeyResponse(key_id=issued.id, key=issued.secret.reveal())

    async def list_keys(
        self, request: pb.ListKeysRequest, ctx: RequestContext[pb.ListKeysRequest, pb.ListKeysResponse], /
    ) -> pb.ListKeysResponse:
        """List root keys."""
        limit = convert.to_page_size(request)
        return convert.from_page(await self._do.list(current_caller().principal, limit=limit, cursor=request.cursor))

    async def update_key(
        self, request: pb.UpdateKeyRequest, ctx: RequestContext[pb.UpdateKeyRequest, pb.UpdateKeyResponse], /
    ) -> pb.UpdateKeyResponse:
        """Change a root key."""
        await self._do.update(current_caller(), convert.to_update(request))
        return pb.UpdateKeyResponse()

    async def reroll_key(
        self, request: pb.RerollKeyRequest, ctx: RequestContext[pb.RerollKeyRequest, pb.RerollKeyResponse], /
    ) -> pb.RerollKeyResponse:
        """Replace a root key."""
        issued = await self._do.reroll(current_caller(), request.key_id, convert.to_grace_ms(request))
        return pb.RerollKeyResponse(key_id=issued.id, key=issued.secret.reveal())

    async def delete_key(
        self, request: pb.DeleteKeyRequest, ctx: RequestContext[pb.DeleteKeyRequest, pb.DeleteKeyResponse], /
    ) -> pb.DeleteKeyResponse:
        """Delete a root key."""
        await self._do.delete(current_caller(), request.key_id)
        return pb.DeleteKeyResponse()
