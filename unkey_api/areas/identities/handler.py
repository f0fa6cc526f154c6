"""Serves unkey.identities.v2.IdentitiesService."""

from __future__ import annotations

from unkey_proto.unkey.identities.v2 import identities_pb as pb
from unkey_proto.unkey.identities.v2.identities_connect import IdentitiesService

from unkey_api.areas.identities import convert
from unkey_api.areas.identities.service.create import CreateIdentity
from unkey_api.areas.identities.service.delete import DeleteIdentity
from unkey_api.areas.identities.service.read import GetIdentity, ListIdentities
from unkey_api.areas.identities.service.update import UpdateIdentity
from unkey_api.rpc.exchange import current_caller
from unkey_api.rpc.messages import page_size
from unkey_api.rpc.method import Context


class IdentitiesHandler(IdentitiesService):
    """Translates, calls one use case, translates back."""

    def __init__(
        self,
        *,
        create: CreateIdentity,
        get: GetIdentity,
        list_identities: ListIdentities,
        update: UpdateIdentity,
        delete: DeleteIdentity,
    ) -> None:
        self._create = create
        self._get = get
        self._list_identities = list_identities
        self._update = update
        self._delete = delete

    async def create_identity(self, request: pb.CreateIdentityRequest, ctx: Context, /) -> pb.CreateIdentityResponse:
        """Create an identity."""
        identity_id = await self._create(current_caller(), convert.to_create(request))
        return pb.CreateIdentityResponse(identity_id=identity_id)

    async def get_identity(self, request: pb.GetIdentityRequest, ctx: Context, /) -> pb.GetIdentityResponse:
        """Show an identity."""
        identity = await self._get(current_caller().principal, request.identity)
        return pb.GetIdentityResponse(identity=convert.from_identity(identity))

    async def list_identities(self, request: pb.ListIdentitiesRequest, ctx: Context, /) -> pb.ListIdentitiesResponse:
        """List identities."""
        page = await self._list_identities(
            current_caller().principal,
            cursor=request.cursor,
            search=request.search,
            limit=page_size(request),
        )
        return convert.from_page(page)

    async def update_identity(self, request: pb.UpdateIdentityRequest, ctx: Context, /) -> pb.UpdateIdentityResponse:
        """Change an identity."""
        identity = await self._update(current_caller(), convert.to_update(request))
        return pb.UpdateIdentityResponse(identity=convert.from_identity(identity))

    async def delete_identity(self, request: pb.DeleteIdentityRequest, ctx: Context, /) -> pb.DeleteIdentityResponse:
        """Delete an identity."""
        await self._delete(current_caller(), request.identity)
        return pb.DeleteIdentityResponse()
