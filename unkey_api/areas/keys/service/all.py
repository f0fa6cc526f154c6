"""Every use case of keys, for the handler."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.areas.keys.service.add_permissions import AddPermissions
from unkey_api.areas.keys.service.add_roles import AddRoles
from unkey_api.areas.keys.service.create import CreateKey
from unkey_api.areas.keys.service.delete import DeleteKey
from unkey_api.areas.keys.service.get import GetKey, Whoami
from unkey_api.areas.keys.service.migrate import MigrateKeys
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.areas.keys.service.remove_permissions import RemovePermissions
from unkey_api.areas.keys.service.remove_roles import RemoveRoles
from unkey_api.areas.keys.service.reroll import RerollKey
from unkey_api.areas.keys.service.set_permissions import SetPermissions
from unkey_api.areas.keys.service.set_roles import SetRoles
from unkey_api.areas.keys.service.update import UpdateKey
from unkey_api.areas.keys.service.update_credits import UpdateCredits
from unkey_api.areas.keys.verification.service import VerifyKey


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUseCases:
    """What can be done with keys."""

    verify: VerifyKey
    create: CreateKey
    get: GetKey
    whoami: Whoami
    update: UpdateKey
    delete: DeleteKey
    reroll: RerollKey
    migrate: MigrateKeys
    update_credits: UpdateCredits
    add_permissions: AddPermissions
    remove_permissions: RemovePermissions
    set_permissions: SetPermissions
    add_roles: AddRoles
    remove_roles: RemoveRoles
    set_roles: SetRoles


def key_use_cases(parts: KeyParts, verify: VerifyKey) -> KeyUseCases:
    """Build all use cases out of the same parts."""
    add_permissions = AddPermissions(parts)
    return KeyUseCases(
        verify=verify,
        create=CreateKey(parts),
        get=GetKey(parts),
        whoami=Whoami(parts),
        update=UpdateKey(parts),
        delete=DeleteKey(parts),
        reroll=RerollKey(parts),
        migrate=MigrateKeys(parts),
        update_credits=UpdateCredits(parts),
        add_permissions=add_permissions,
        remove_permissions=RemovePermissions(parts),
        set_permissions=SetPermissions(parts, add_permissions),
        add_roles=AddRoles(parts),
        remove_roles=RemoveRoles(parts),
        set_roles=SetRoles(parts),
    )
