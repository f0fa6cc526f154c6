"""Serves unkey.identities.v2.IdentitiesService."""

from __future__ import annotations

from dataclasses import dataclass

from connectrpc.request import RequestContext
from unkey_proto.unkey.identities.v2 import identities_pb as pb
from unkey_proto.unkey.identities.v2.identities_connect import IdentitiesService

from unkey_api.areas.identities import convert
from unkey_api.areas.identities.service.create import CreateIdentity
from unkey_api.areas.identities.service.delete import DeleteIdentity
from unkey_api.areas.identities.service.read import GetIdentity, ListIdentities
from unkey_api.areas.identities.service.update import UpdateIdentity
from unkey_api.rpc.exchange import current_caller


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityUseCases:
    """What the handler calls."""

    create: CreateIdentity
    get: GetIdentity
    list_identities: ListIdentities
    update: UpdateIdentity
    delete: DeleteIdentity


class IdentitiesHandler(IdentitiesService):
    """Translates, calls one use case, translates back."""

    def __init__(self, use_cases: IdentityUseCases) -> None:
        self._use_cases = use_cases

    async def create_identity(
        self,
        request: pb.CreateIdentityRequest,
        ctx: RequestContext[pb.CreateIdentityRequest, pb.CreateIdentityResponse],
        /,
    ) -> pb.CreateIdentityResponse:
        """Create an identity."""
        identity_id = await self._use_cases.create(current_caller(), convert.to_create(request))
        return pb.CreateIdentityResponse(identity_id=identity_id)

    async def get_identity(
        self, request: pb.GetIdentityRequest, ctx: RequestContext[pb.GetIdentityRequest, pb.GetIdentityResponse], /
    ) -> pb.GetIdentityResponse:
        """Show an identity."""
        identity = await self._use_cases.get(current_caller().principal, request.identity)
        return pb.GetIdentityResponse(identity=convert.from_identity(identity))

    async def list_identities(
        self,
        request: pb.ListIdentitiesRequest,
        ctx: RequestContext[pb.ListIdentitiesRequest, pb.ListIdentitiesResponse],
        /,
    ) -> pb.ListIdentitiesResponse:
        """List identities."""
        page = await self._use_cases.list_identities(
            current_caller().principal,
            cursor=request.cursor,
            search=request.search,
            limit=convert.to_page_size(request),
        )
        return convert.from_page(page)

    async def update_identity(
        self,
        request: pb.UpdateIdentityRequest,
        ctx: RequestContext[pb.UpdateIdentityRequest, pb.UpdateIdentityResponse],
        /,
    ) -> pb.UpdateIdentityResponse:
        """Change an identity."""
        identity = await self._use_cases.update(current_caller(), convert.to_update(request))
        return pb.UpdateIdentityResponse(identity=convert.from_identity(identity))

    async def delete_identity(
        self,
        request: pb.DeleteIdentityRequest,
        ctx: RequestContext[pb.DeleteIdentityRequest, pb.DeleteIdentityResponse],
        /,
    ) -> pb.DeleteIdentityResponse:
        """Delete an identity."""
        await self._use_cases.delete(current_caller(), request.identity)
        return pb.DeleteIdentityResponse()
