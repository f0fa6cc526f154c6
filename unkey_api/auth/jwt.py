"""JSON Web Tokens as credentials."""

from __future__ import annotations

from typing import Protocol

import structlog

from unkey_api.auth.chain import Credentials, bearer_token
from unkey_api.auth.errors import CredentialMalformed, CredentialMissing
from unkey_api.auth.jwks import TokenNotChecked
from unkey_api.auth.token import Claims, Expectation, Token, read_claims, read_token
from unkey_api.auth.workspaces import Workspaces
from unkey_api.core.clock import Clock
from unkey_api.core.errors import AppError, ErrorCode
from unkey_api.core.permission_vocabulary import translate_workos_permissions
from unkey_api.core.principal import Principal, SubjectType
from unkey_api.infra.mysql import StoreUnavailable

_NO_WORKSPACE = "Your organization does not have an active workspace."

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class OrganizationWithoutWorkspace(AppError):
    """The token is good, but its organization has no workspace, or a deleted one."""

    code = ErrorCode.AUTHORIZATION_FORBIDDEN

    def __init__(self) -> None:
        super().__init__(_NO_WORKSPACE)


class OrganizationDisabled(AppError):
    """The token is good, but the workspace of its organization is disabled."""

    code = ErrorCode.AUTHORIZATION_WORKSPACE_DISABLED

    def __init__(self) -> None:
        super().__init__(_NO_WORKSPACE)


class TokenKeys(Protocol):
    """What an issuer signs with."""

    algorithms: frozenset[str]

    async def verify(self, token: Token) -> None:
        """Return when the signature is good. Raises TokenInvalid when not, TokenNotChecked when nobody can tell."""
        ...

    def has_signed(self, token: Token) -> bool:
        """Say whether a key at hand made the signature. Asks nobody."""
        ...


class JsonWebTokens:
    """Resolves the tokens of one issuer. Everything that is not three parts joined by dots is somebody else's."""

    def __init__(
        self, keys: TokenKeys, expected: Expectation, workspaces: Workspaces, *, clock: Clock, workos: bool
    ) -> None:
        """Take what to check tokens with. `workos`: their permissions are slugs of that provider."""
        self._keys = keys
        self._expected = expected
        self._workspaces = workspaces
        self._clock = clock
        self._workos = workos

    def recognise(self, credentials: Credentials) -> Principal | None:
        """Return None: a token is checked anew each time, which `resolve` does."""
        return None

    def vouches_for(self, credentials: Credentials) -> bool:
        """Say whether a key at hand signed the token, it is in force, and its workspace is known."""
        text = _bearer(credentials.authorization)
        if text is None or text.count(".") != 2:
            return False
        try:
            token = read_token(text, self._keys.algorithms)
            if not self._keys.has_signed(token):
                return False
            claims = read_claims(token, self._expected, now_s=self._clock.now_ms() // 1_000)
        except AppError:
            return False
        return self._workspaces.is_known(claims.organization)

    async def resolve(self, credentials: Credentials) -> Principal | None:
        """Return the user the token speaks for; None when there is no bearer token or it is of another kind.

        Raises:
            TokenInvalid: The token is no good, for whatever reason.
            TokenNotChecked: Keys or workspace could not be looked up.
            OrganizationWithoutWorkspace: There is nowhere to act in.
            OrganizationDisabled: The workspace is disabled.
        """
        text = _bearer(credentials.authorization)
        if text is None or text.count(".") != 2:
            return None
        token = read_token(text, self._keys.algorithms)
        await self._keys.verify(token)
        claims = read_claims(token, self._expected, now_s=self._clock.now_ms() // 1_000)
        workspace_id = await self._workspace(claims.organization)
        return Principal(
            workspace_id=workspace_id,
            subject_id=claims.subject,
            subject_name=claims.name,
            subject_type=SubjectType.USER,
            permissions=self._permissions(claims, workspace_id),
        )

    async def _workspace(self, organization_id: str) -> str:
        try:
            workspace = await self._workspaces.find(organization_id)
        except StoreUnavailable as err:
            raise TokenNotChecked(err.internal) from err
        if workspace is None:
            raise OrganizationWithoutWorkspace
        if not workspace.enabled:
            raise OrganizationDisabled
        return workspace.id

    def _permissions(self, claims: Claims, workspace_id: str) -> frozenset[str]:
        if not self._workos:
            return frozenset(claims.permissions)
        translation = translate_workos_permissions(claims.permissions, workspace_id)
        if translation.unknown:
            _log.warning("unknown permissions of a token dropped", slugs=translation.unknown, workspace_id=workspace_id)
        return frozenset(translation.permissions)


def _bearer(authorization: str | None) -> str | None:
    if authorization is None:
        return None
    try:
        return bearer_token(authorization)
    except (CredentialMissing, CredentialMalformed):
        return None  # the chain reports it when nobody else knows the caller
