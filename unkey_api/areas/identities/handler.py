"""Serves unkey.identities.v2.IdentitiesService."""

from __future__ import annotations

from collections.abc import Iterable

from unkey_proto.unkey.identities.v2 import identities_pb as pb
from unkey_proto.unkey.identities.v2 import identity_pb
from unkey_proto.unkey.identities.v2.identities_connect import IdentitiesService
from unkey_proto.unkey.ratelimit.v2.config_pb import Ratelimit, RatelimitConfig

from unkey_api.areas.identities.service import (
    CreateIdentity,
    CreateIdentityCommand,
    DeleteIdentity,
    GetIdentity,
    ListIdentities,
    UpdateIdentity,
    UpdateIdentityCommand,
)
from unkey_api.areas.identities.types import Identity, IdentityRatelimit
from unkey_api.areas.ratelimit.types import AttachedLimit
from unkey_api.core.paging import Page
from unkey_api.rpc.exchange import current_caller
from unkey_api.rpc.messages import page_size, pagination_of, struct_of, text_of
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
        identity_id = await self._create(current_caller(), to_create(request))
        return pb.CreateIdentityResponse(identity_id=identity_id)

    async def get_identity(self, request: pb.GetIdentityRequest, ctx: Context, /) -> pb.GetIdentityResponse:
        """Show an identity."""
        identity = await self._get(current_caller().principal, request.identity)
        return pb.GetIdentityResponse(identity=from_identity(identity))

    async def list_identities(self, request: pb.ListIdentitiesRequest, ctx: Context, /) -> pb.ListIdentitiesResponse:
        """List identities."""
        page = await self._list_identities(
            current_caller().principal,
            cursor=request.cursor,
            search=request.search,
            limit=page_size(request),
        )
        return from_page(page)

    async def update_identity(self, request: pb.UpdateIdentityRequest, ctx: Context, /) -> pb.UpdateIdentityResponse:
        """Change an identity."""
        identity = await self._update(current_caller(), to_update(request))
        return pb.UpdateIdentityResponse(identity=from_identity(identity))

    async def delete_identity(self, request: pb.DeleteIdentityRequest, ctx: Context, /) -> pb.DeleteIdentityResponse:
        """Delete an identity."""
        await self._delete(current_caller(), request.identity)
        return pb.DeleteIdentityResponse()


NO_META = "{}"


def to_create(request: pb.CreateIdentityRequest) -> CreateIdentityCommand:
    """Read a request to create an identity."""
    meta = NO_META if request.meta is None else text_of(request.meta)
    return CreateIdentityCommand(request.external_id, meta, _specs(request.ratelimits))


def to_update(request: pb.UpdateIdentityRequest) -> UpdateIdentityCommand:
    """Read a request to change an identity. An empty list of limits counts only if the mask names it."""
    cleared = request.null_fields is not None and "ratelimits" in request.null_fields.paths
    given = cleared or bool(request.ratelimits)
    return UpdateIdentityCommand(
        identity=request.identity,
        meta=None if request.meta is None else text_of(request.meta),
        ratelimits=_specs(request.ratelimits) if given else None,
    )


def from_identity(identity: Identity) -> identity_pb.Identity:
    """Return an identity as it is shown."""
    return identity_pb.Identity(
        id=identity.id,
        external_id=identity.external_id,
        meta=struct_of(identity.meta),
        ratelimits=[_from_ratelimit(item) for item in identity.ratelimits],
    )


def from_page(page: Page[Identity]) -> pb.ListIdentitiesResponse:
    """Return one page of identities."""
    return pb.ListIdentitiesResponse(
        identities=[from_identity(item) for item in page.items], pagination=pagination_of(page)
    )


def _specs(messages: Iterable[RatelimitConfig]) -> tuple[AttachedLimit, ...]:
    return tuple(AttachedLimit(item.name, item.limit, item.duration, item.auto_apply) for item in messages)


def _from_ratelimit(item: IdentityRatelimit) -> Ratelimit:
    spec = item.spec
    return Ratelimit(
        id=item.id, name=spec.name, limit=spec.limit, duration=spec.duration_ms, auto_apply=spec.auto_apply
    )
