"""Puts the area together."""

from __future__ import annotations

from unkey_proto.unkey.apis.v2.apis_connect import ApisService, ApisServiceASGIApplication

from unkey_api.areas.apis.handler import ApisHandler
from unkey_api.areas.apis.requirements import OPERATIONS
from unkey_api.areas.apis.service import CreateApi, DeleteApi, GetApi, ListKeys, UpdateApi
from unkey_api.areas.shared import Area, Shared


def _build(shared: Shared) -> ApisHandler:
    parts = shared.parts
    return ApisHandler(
        create=CreateApi(parts),
        get=GetApi(shared.apis),
        update=UpdateApi(parts, has_vault=shared.vault is not None),
        delete=DeleteApi(parts),
        list_keys=ListKeys(shared.apis, parts.database.reads_of, shared.vault),
    )


AREA = Area(ApisService, ApisServiceASGIApplication, ApisHandler, _build, OPERATIONS)
