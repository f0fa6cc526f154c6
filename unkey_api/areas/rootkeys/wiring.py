"""Puts the area together."""

from __future__ import annotations

from unkey_proto.unkey.rootkeys.v2.rootkeys_connect import RootKeysService, RootKeysServiceASGIApplication

from unkey_api.areas.rootkeys.handler import RootKeysHandler
from unkey_api.areas.rootkeys.requirements import OPERATIONS
from unkey_api.areas.rootkeys.service import (
    CreateRootKey,
    DeleteRootKey,
    ListRootKeys,
    RerollRootKey,
    UpdateRootKey,
    root_key_parts,
)
from unkey_api.areas.shared import Area, Shared


def _build(shared: Shared) -> RootKeysHandler:
    parts = root_key_parts(shared.parts, shared.callers, random_bytes=shared.random_bytes)
    return RootKeysHandler(
        create=CreateRootKey(parts),
        list_keys=ListRootKeys(parts),
        update=UpdateRootKey(parts),
        reroll=RerollRootKey(parts),
        delete=DeleteRootKey(parts),
    )


AREA = Area(RootKeysService, RootKeysServiceASGIApplication, RootKeysHandler, _build, OPERATIONS)
