"""Between protobuf and the types of this package."""

from __future__ import annotations

from collections.abc import Iterable

from unkey_proto.unkey.identities.v2 import identities_pb as pb
from unkey_proto.unkey.identities.v2 import identity_pb
from unkey_proto.unkey.ratelimit.v2.config_pb import Ratelimit, RatelimitConfig

from unkey_api.areas.identities.service.create import CreateIdentityCommand
from unkey_api.areas.identities.service.update import UpdateIdentityCommand
from unkey_api.areas.identities.types import Identity, IdentityRatelimit
from unkey_api.areas.ratelimit.attached import AttachedLimit
from unkey_api.core.paging import Page
from unkey_api.rpc.messages import pagination_of, struct_of, text_of

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
