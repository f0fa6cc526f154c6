"""Puts the area together."""

from __future__ import annotations

from unkey_proto.unkey.identities.v2.identities_connect import IdentitiesService, IdentitiesServiceASGIApplication

from unkey_api.areas.identities.handler import IdentitiesHandler
from unkey_api.areas.identities.requirements import OPERATIONS
from unkey_api.areas.identities.service import (
    CreateIdentity,
    DeleteIdentity,
    GetIdentity,
    ListIdentities,
    UpdateIdentity,
)
from unkey_api.areas.shared import Area, Shared


def _build(shared: Shared) -> IdentitiesHandler:
    parts, reads_of = shared.parts, shared.parts.database.reads_of
    return IdentitiesHandler(
        create=CreateIdentity(parts),
        get=GetIdentity(reads_of),
        list_identities=ListIdentities(reads_of),
        update=UpdateIdentity(parts),
        delete=DeleteIdentity(parts),
    )


AREA = Area(IdentitiesService, IdentitiesServiceASGIApplication, IdentitiesHandler, _build, OPERATIONS)
