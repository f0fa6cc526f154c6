"""Serves unkey.keys.v2.KeysService."""

from __future__ import annotations

from connectrpc.request import RequestContext
from unkey_proto.unkey.keys.v2 import issuing_pb
from unkey_proto.unkey.keys.v2 import verification_pb as verifying
from unkey_proto.unkey.keys.v2.keys_connect import KeysService

from unkey_api.keys import convert
from unkey_api.keys.service.create import CreateKey
from unkey_api.keys.verification.convert import from_verdict, to_verification
from unkey_api.keys.verification.service import VerifyKey
from unkey_api.rpc.exchange import current_caller


class KeysHandler(KeysService):
    """Translates, calls one use case, translates back."""

    def __init__(self, *, verify: VerifyKey, create: CreateKey) -> None:
        self._verify = verify
        self._create = create

    async def verify_key(
        self,
        request: verifying.VerifyKeyRequest,
        ctx: RequestContext[verifying.VerifyKeyRequest, verifying.VerifyKeyResponse],
        /,
    ) -> verifying.VerifyKeyResponse:
        """Decide whether a key may be used."""
        return from_verdict(await self._verify(current_caller(), to_verification(request)))

    async def create_key(
        self,
        request: issuing_pb.CreateKeyRequest,
        ctx: RequestContext[issuing_pb.CreateKeyRequest, issuing_pb.CreateKeyResponse],
        /,
    ) -> issuing_pb.CreateKeyResponse:
        """Create a key."""
        return convert.from_created(await self._create(current_caller(), convert.to_create(request)))
