"""Serves unkey.keys.v2.KeysService."""

from __future__ import annotations

from connectrpc.request import RequestContext
from unkey_proto.unkey.keys.v2 import grants_pb as granting
from unkey_proto.unkey.keys.v2 import issuing_pb as issuing
from unkey_proto.unkey.keys.v2 import management_pb as managing
from unkey_proto.unkey.keys.v2 import verification_pb as verifying
from unkey_proto.unkey.keys.v2.keys_connect import KeysService

from unkey_api.areas.keys import convert
from unkey_api.areas.keys.service.all import KeyUseCases
from unkey_api.areas.keys.types import CreditOperation
from unkey_api.areas.keys.verification.convert import from_verdict, to_verification
from unkey_api.rpc.exchange import answer_with, current_caller


class KeysHandler(KeysService):
    """Translates, calls one use case, translates back."""

    def __init__(self, use_cases: KeyUseCases) -> None:
        self._do = use_cases

    async def verify_key(
        self,
        request: verifying.VerifyKeyRequest,
        ctx: RequestContext[verifying.VerifyKeyRequest, verifying.VerifyKeyResponse],
        /,
    ) -> verifying.VerifyKeyResponse:
        """Decide whether a key may be used."""
        return answer_with(from_verdict(await self._do.verify(current_caller(), to_verification(request))))

    async def create_key(
        self,
        request: issuing.CreateKeyRequest,
        ctx: RequestContext[issuing.CreateKeyRequest, issuing.CreateKeyResponse],
        /,
    ) -> issuing.CreateKeyResponse:
        """Create a key."""
        key = await self._do.create(current_caller(), convert.to_create(request))
        return issuing.CreateKeyResponse(key_id=key.id, key=key.secret.reveal())

    async def get_key(
        self, request: managing.GetKeyRequest, ctx: RequestContext[managing.GetKeyRequest, managing.GetKeyResponse], /
    ) -> managing.GetKeyResponse:
        """Show a key."""
        shown = await self._do.get(current_caller().principal, request.key_id, decrypt=request.decrypt)
        return managing.GetKeyResponse(key=convert.from_key(shown))

    async def update_key(
        self,
        request: managing.UpdateKeyRequest,
        ctx: RequestContext[managing.UpdateKeyRequest, managing.UpdateKeyResponse],
        /,
    ) -> managing.UpdateKeyResponse:
        """Change a key."""
        await self._do.update(current_caller(), convert.to_update(request))
        return managing.UpdateKeyResponse()

    async def delete_key(
        self,
        request: managing.DeleteKeyRequest,
        ctx: RequestContext[managing.DeleteKeyRequest, managing.DeleteKeyResponse],
        /,
    ) -> managing.DeleteKeyResponse:
        """Delete a key."""
        await self._do.delete(current_caller(), request.key_id, permanent=request.permanent)
        return managing.DeleteKeyResponse()

    async def reroll_key(
        self,
        request: issuing.RerollKeyRequest,
        ctx: RequestContext[issuing.RerollKeyRequest, issuing.RerollKeyResponse],
        /,
    ) -> issuing.RerollKeyResponse:
        """Replace a key."""
        key = await self._do.reroll(current_caller(), request.key_id, grace_ms=convert.to_grace_ms(request))
        return issuing.RerollKeyResponse(key_id=key.id, key=key.secret.reveal())

    async def whoami(
        self,
        request: verifying.WhoamiRequest,
        ctx: RequestContext[verifying.WhoamiRequest, verifying.WhoamiResponse],
        /,
    ) -> verifying.WhoamiResponse:
        """Show the key of a secret."""
        shown = await self._do.whoami(current_caller().principal, request.key)
        return verifying.WhoamiResponse(key=convert.from_key(shown))

    async def migrate_keys(
        self,
        request: issuing.MigrateKeysRequest,
        ctx: RequestContext[issuing.MigrateKeysRequest, issuing.MigrateKeysResponse],
        /,
    ) -> issuing.MigrateKeysResponse:
        """Import keys."""
        return convert.from_migration(await self._do.migrate(current_caller(), convert.to_migrate(request)))

    async def update_credits(
        self,
        request: managing.UpdateCreditsRequest,
        ctx: RequestContext[managing.UpdateCreditsRequest, managing.UpdateCreditsResponse],
        /,
    ) -> managing.UpdateCreditsResponse:
        """Change the credits of a key."""
        state = await self._do.update_credits(
            current_caller(),
            request.key_id,
            CreditOperation(request.operation),
            value=convert.to_credit_value(request),
        )
        return managing.UpdateCreditsResponse(credits=convert.from_credits(state))

    async def add_permissions(
        self,
        request: granting.AddPermissionsRequest,
        ctx: RequestContext[granting.AddPermissionsRequest, granting.AddPermissionsResponse],
        /,
    ) -> granting.AddPermissionsResponse:
        """Give a key more permissions."""
        permissions = await self._do.add_permissions(current_caller(), request.key_id, request.permissions)
        return granting.AddPermissionsResponse(permissions=convert.from_permissions(permissions))

    async def remove_permissions(
        self,
        request: granting.RemovePermissionsRequest,
        ctx: RequestContext[granting.RemovePermissionsRequest, granting.RemovePermissionsResponse],
        /,
    ) -> granting.RemovePermissionsResponse:
        """Take permissions from a key."""
        permissions = await self._do.remove_permissions(current_caller(), request.key_id, request.permissions)
        return granting.RemovePermissionsResponse(permissions=convert.from_permissions(permissions))

    async def set_permissions(
        self,
        request: granting.SetPermissionsRequest,
        ctx: RequestContext[granting.SetPermissionsRequest, granting.SetPermissionsResponse],
        /,
    ) -> granting.SetPermissionsResponse:
        """Replace the permissions of a key."""
        permissions = await self._do.set_permissions(current_caller(), request.key_id, request.permissions)
        return granting.SetPermissionsResponse(permissions=convert.from_permissions(permissions))

    async def add_roles(
        self,
        request: granting.AddRolesRequest,
        ctx: RequestContext[granting.AddRolesRequest, granting.AddRolesResponse],
        /,
    ) -> granting.AddRolesResponse:
        """Give a key more roles."""
        roles = await self._do.add_roles(current_caller(), request.key_id, request.roles)
        return granting.AddRolesResponse(roles=convert.from_roles(roles))

    async def remove_roles(
        self,
        request: granting.RemoveRolesRequest,
        ctx: RequestContext[granting.RemoveRolesRequest, granting.RemoveRolesResponse],
        /,
    ) -> granting.RemoveRolesResponse:
        """Take roles from a key."""
        roles = await self._do.remove_roles(current_caller(), request.key_id, request.roles)
        return granting.RemoveRolesResponse(roles=convert.from_roles(roles))

    async def set_roles(
        self,
        request: granting.SetRolesRequest,
        ctx: RequestContext[granting.SetRolesRequest, granting.SetRolesResponse],
        /,
    ) -> granting.SetRolesResponse:
        """Replace the roles of a key."""
        roles = await self._do.set_roles(current_caller(), request.key_id, request.roles)
        return granting.SetRolesResponse(roles=convert.from_roles(roles))
