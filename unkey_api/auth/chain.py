"""Asking several resolvers who the caller is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from unkey_api.auth.errors import CredentialMalformed, CredentialMissing
from unkey_api.core.errors import AppError, ErrorCode
from unkey_api.core.principal import Principal

PREFIX = "Bearer "


def bearer_token(authorization: str) -> str:
    """Return the token of an Authorization header, without the blanks around it.

    Raises:
        CredentialMissing: The header holds nothing but blanks.
        CredentialMalformed: It does not start with `Bearer ` in exactly this spelling, or no token follows.
    """
    header = authorization.strip()
    if not header:
        raise CredentialMissing
    if not header.startswith(PREFIX):
        raise CredentialMalformed("Your authorization header is missing the 'Bearer ' prefix.")
    return header[len(PREFIX) :].lstrip()


class Credentials(NamedTuple):
    """What a request brought along."""

    authorization: str | None
    """The Authorization header."""
    cookie: str | None
    """The Cookie header."""


class Resolver(Protocol):
    """Knows one kind of credential."""

    async def resolve(self, credentials: Credentials) -> Principal | None:
        """Return the caller, or None when the credential is of another kind.

        Raises:
            AppError: It is of this kind and no good, or could not be checked.
        """
        ...

    def recognise(self, credentials: Credentials) -> Principal | None:
        """Return the caller if he is known and fresh; None says nothing. Asks nobody and is quick."""
        ...

    def vouches_for(self, credentials: Credentials) -> bool:
        """Say whether the credential was good when it was looked up last. Asks nobody."""
        ...


class AuthenticationChain:
    """Tries resolvers in order. A failure of one does not keep the next from recognising the caller."""

    def __init__(self, resolvers: Sequence[Resolver]) -> None:
        self._resolvers = tuple(resolvers)

    def recognise(self, authorization: str | None, cookie: str | None) -> Principal | None:
        """Return the caller if a resolver knows him without asking anybody; None says nothing."""
        credentials = Credentials(authorization, cookie)
        for resolver in self._resolvers:
            principal = resolver.recognise(credentials)
            if principal is not None:
                return principal
        return None

    def vouches_for(self, authorization: str | None, cookie: str | None) -> bool:
        """Say whether the credential was good when it was looked up last. Asks nobody."""
        credentials = Credentials(authorization, cookie)
        return any(resolver.vouches_for(credentials) for resolver in self._resolvers)

    async def authenticate(self, authorization: str | None, cookie: str | None) -> Principal:
        """Return the caller.

        Raises:
            AppError: Nobody recognised it. Of several failures the gravest is reported: a failure of ours before a
                refusal, a refusal before a credential that is no good; of equal ones the first.
            CredentialMissing: No resolver found a credential of its kind.
            CredentialMalformed: The same, and the Authorization header holds no bearer token.
        """
        credentials = Credentials(authorization, cookie)
        gravest: AppError | None = None
        for resolver in self._resolvers:
            try:
                principal = await resolver.resolve(credentials)
            except AppError as error:
                if gravest is None or _gravity(error) > _gravity(gravest):
                    gravest = error
                continue
            if principal is not None:
                return principal
        if gravest is not None:
            raise gravest
        if authorization is not None:
            bearer_token(authorization)
        raise CredentialMissing


_OURS = frozenset({ErrorCode.APPLICATION_SERVICE_UNAVAILABLE, ErrorCode.APPLICATION_UNEXPECTED_ERROR})
_BY_CATEGORY = {"authorization": 2, "authentication": 1}


def _gravity(error: AppError) -> int:
    if error.code in _OURS:
        return 3
    return _BY_CATEGORY.get(error.code.value.split(":")[2], 0)
