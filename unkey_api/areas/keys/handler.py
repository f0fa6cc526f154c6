"""Serves unkey.keys.v2.KeysService."""

from __future__ import annotations

from unkey_proto.unkey.keys.v2 import grants_pb as granting
from unkey_proto.unkey.keys.v2 import issuing_pb as issuing
from unkey_proto.unkey.keys.v2 import management_pb as managing
from unkey_proto.unkey.keys.v2 import verification_pb as verifying
from unkey_proto.unkey.keys.v2.keys_connect import KeysService

from unkey_api.areas.keys import convert
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
from unkey_api.areas.keys.service.reroll import RerollKey
from unkey_api.areas.keys.types import CreditOperation
from unkey_api.areas.keys.verification.convert import from_verdict, to_verification
from unkey_api.areas.keys.verification.service import VerifyKey
from unkey_api.rpc.exchange import answer_with, current_caller
from unkey_api.rpc.method import Context


class KeysHandler(KeysService):
    """Translates, calls one use case, translates back."""

    def __init__(  # noqa: PLR0913 - one use case per operation, by name
        self,
        *,
        verify: VerifyKey,
        create: CreateKey,
        get: GetKey,
        whoami: Whoami,
        update: UpdateKey,
        delete: DeleteKey,
        reroll: RerollKey,
        migrate: MigrateKeys,
        update_credits: UpdateCredits,
        add_permissions: AddPermissions,
        remove_permissions: RemovePermissions,
        set_permissions: SetPermissions,
        add_roles: AddRoles,
        remove_roles: RemoveRoles,
        set_roles: SetRoles,
    ) -> None:
        self._verify = verify
        self._create = create
        self._get = get
        self._whoami = whoami
        self._update = update
        self._delete = delete
        self._reroll = reroll
        self._migrate = migrate
        self._update_credits = update_credits
        self._add_permissions = add_permissions
        self._remove_permissions = remove_permissions
        self._set_permissions = set_permissions
        self._add_roles = add_roles
        self._remove_roles = remove_roles
        self._set_roles = set_roles

    async def verify_key(self, request: verifying.VerifyKeyRequest, ctx: Context, /) -> verifying.VerifyKeyResponse:
        """Decide whether a key may be used."""
        return answer_with(from_verdict(await self._verify(current_caller(), to_verification(request))))

    async def create_key(self, request: issuing.CreateKeyRequest, ctx: Context, /) -> issuing.CreateKeyResponse:
        """Create a key."""
        key = await self._create(current_caller(), convert.to_create(request))
        return issuing.CreateKeyResponse(key_id=key.id, key=key.secret.reveal())

    async def get_key(self, request: managing.GetKeyRequest, ctx: Context, /) -> managing.GetKeyResponse:
        """Show a key."""
        shown = await self._get(current_caller().principal, request.key_id, decrypt=request.decrypt)
        return managing.GetKeyResponse(key=convert.from_key(shown))

    async def update_key(self, request: managing.UpdateKeyRequest, ctx: Context, /) -> managing.UpdateKeyResponse:
        """Change a key."""
        await self._update(current_caller(), convert.to_update(request))
        return managing.UpdateKeyResponse()

    async def delete_key(self, request: managing.DeleteKeyRequest, ctx: Context, /) -> managing.DeleteKeyResponse:
        """Delete a key."""
        await self._delete(current_caller(), request.key_id, permanent=request.permanent)
        return managing.DeleteKeyResponse()

    async def reroll_key(self, request: issuing.RerollKeyRequest, ctx: Context, /) -> issuing.RerollKeyResponse:
        """Replace a key."""
        key = await self._reroll(current_caller(), request.key_id, grace_ms=convert.to_grace_ms(request))
        return issuing.RerollKeyResponse(key_id=key.id, key=key.secret.reveal())

    async def whoami(self, request: verifying.WhoamiRequest, ctx: Context, /) -> verifying.WhoamiResponse:
        """Show the key of a secret."""
        shown = await self._whoami(current_caller().principal, request.key)
        return verifying.WhoamiResponse(key=convert.from_key(shown))

    async def migrate_keys(self, request: issuing.MigrateKeysRequest, ctx: Context, /) -> issuing.MigrateKeysResponse:
        """Import keys."""
        return convert.from_migration(await self._migrate(current_caller(), convert.to_migrate(request)))

    async def update_credits(
        self, request: managing.UpdateCreditsRequest, ctx: Context, /
    ) -> managing.UpdateCreditsResponse:
        """Change the credits of a key."""
        state = await self._update_credits(
            current_caller(),
            request.key_id,
            CreditOperation(request.operation),
            value=convert.to_credit_value(request),
        )
        return managing.UpdateCreditsResponse(credits=convert.from_credits(state))

    async def add_permissions(
        self, request: granting.AddPermissionsRequest, ctx: Context, /
    ) -> granting.AddPermissionsResponse:
        """Give a key more permissions."""
        permissions = await self._add_permissions(current_caller(), request.key_id, request.permissions)
        return granting.AddPermissionsResponse(permissions=convert.from_permissions(permissions))

    async def remove_permissions(
        self, request: granting.RemovePermissionsRequest, ctx: Context, /
    ) -> granting.RemovePermissionsResponse:
        """Take permissions from a key."""
        permissions = await self._remove_permissions(current_caller(), request.key_id, request.permissions)
        return granting.RemovePermissionsResponse(permissions=convert.from_permissions(permissions))

    async def set_permissions(
        self, request: granting.SetPermissionsRequest, ctx: Context, /
    ) -> granting.SetPermissionsResponse:
        """Replace the permissions of a key."""
        permissions = await self._set_permissions(current_caller(), request.key_id, request.permissions)
        return granting.SetPermissionsResponse(permissions=convert.from_permissions(permissions))

    async def add_roles(self, request: granting.AddRolesRequest, ctx: Context, /) -> granting.AddRolesResponse:
        """Give a key more roles."""
        roles = await self._add_roles(current_caller(), request.key_id, request.roles)
        return granting.AddRolesResponse(roles=convert.from_roles(roles))

    async def remove_roles(self, request: granting.RemoveRolesRequest, ctx: Context, /) -> granting.RemoveRolesResponse:
        """Take roles from a key."""
        roles = await self._remove_roles(current_caller(), request.key_id, request.roles)
        return granting.RemoveRolesResponse(roles=convert.from_roles(roles))

    async def set_roles(self, request: granting.SetRolesRequest, ctx: Context, /) -> granting.SetRolesResponse:
        """Replace the roles of a key."""
        roles = await self._set_roles(current_caller(), request.key_id, request.roles)
        return granting.SetRolesResponse(roles=convert.from_roles(roles))
