"""Puts the area together."""

from __future__ import annotations

from unkey_proto.unkey.keys.v2.keys_connect import KeysService, KeysServiceASGIApplication

from unkey_api.areas.keys.handler import KeysHandler
from unkey_api.areas.keys.requirements import OPERATIONS
from unkey_api.areas.keys.service.change import DeleteKey, UpdateCredits, UpdateKey
from unkey_api.areas.keys.service.create import CreateKey
from unkey_api.areas.keys.service.get import GetKey, Whoami
from unkey_api.areas.keys.service.grants import (
    AddPermissions,
    AddRoles,
    RemovePermissions,
    RemoveRoles,
    SetPermissions,
    SetRoles,
)
from unkey_api.areas.keys.service.migrate import MigrateKeys
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.areas.keys.service.reroll import RerollKey
from unkey_api.areas.keys.verification.migration import MigratedKeys
from unkey_api.areas.keys.verification.service import VerificationParts, VerifyKey
from unkey_api.areas.shared import Area, Shared


def _build(shared: Shared) -> KeysHandler:
    parts = _parts(shared)
    return KeysHandler(
        verify=VerifyKey(_verification_parts(shared)),
        create=CreateKey(parts),
        get=GetKey(parts),
        whoami=Whoami(parts),
        update=UpdateKey(parts),
        delete=DeleteKey(parts),
        reroll=RerollKey(parts),
        migrate=MigrateKeys(parts),
        update_credits=UpdateCredits(parts),
        add_permissions=AddPermissions(parts),
        remove_permissions=RemovePermissions(parts),
        set_permissions=SetPermissions(parts),
        add_roles=AddRoles(parts),
        remove_roles=RemoveRoles(parts),
        set_roles=SetRoles(parts),
    )


def _parts(shared: Shared) -> KeyParts:
    parts = shared.parts
    return KeyParts(
        database=parts.database,
        audit=parts.audit,
        projects=parts.projects,
        clock=parts.clock,
        ids=parts.ids,
        vault=shared.vault,
        credits=shared.credits,
        apis=shared.apis,
        random_bytes=shared.random_bytes,
        hash_caps=shared.hash_caps,
    )


def _verification_parts(shared: Shared) -> VerificationParts:
    clock = shared.parts.clock
    return VerificationParts(
        directory=shared.directory,
        migrated=MigratedKeys(shared.parts.database, shared.directory, shared.foreign, clock),
        limiter=shared.limiter,
        credits=shared.credits,
        events=shared.verifications,
        clock=clock,
        region=shared.region,
    )


AREA = Area(KeysService, KeysServiceASGIApplication, KeysHandler, _build, OPERATIONS)
