"""Root keys as credentials."""

from __future__ import annotations

from unkey_api.areas.keys.verification.directory import KeyDirectory
from unkey_api.areas.keys.verification.types import Status, VerifiableKey
from unkey_api.auth.chain import PREFIX, Credentials, bearer_token
from unkey_api.auth.errors import (
    ROOT_KEY_FORMAT,
    CredentialMalformed,
    CredentialMissing,
    RootKeyDisabled,
    RootKeyExpired,
    RootKeyUnknown,
    RootKeyWorkspaceDisabled,
    RootKeyWorkspaceMissing,
)
from unkey_api.core.clock import Clock
from unkey_api.core.errors import AppError
from unkey_api.core.keymaterial import hash_key
from unkey_api.core.principal import Principal


class RootKeys:
    """Resolves root keys. Their addresses, limits and credits do not matter here, only that they are in force."""

    def __init__(self, directory: KeyDirectory, clock: Clock) -> None:
        self._directory = directory
        self._peek = directory.peek
        self._loaded = directory.counts.root_key
        self._clock = clock

    def recognise(self, credentials: Credentials) -> Principal | None:
        """Return whom a root key in force acts for that is fresh in the cache."""
        authorization = credentials.authorization
        if authorization is None or not authorization.startswith(PREFIX):
            return None
        cached = self._peek(hash_key(authorization[len(PREFIX) :].strip()))
        key = None if cached is None else cached.value
        if key is None or key.principal is None or key.status_at(self._clock.now_ms()) is not Status.VALID:
            return None
        self._loaded[Status.VALID] += 1
        return key.principal

    def vouches_for(self, credentials: Credentials) -> bool:
        """Say whether a root key was in force when it was read last, however long ago."""
        authorization = credentials.authorization
        if authorization is None or not authorization.startswith(PREFIX):
            return False
        key = self._directory.held(hash_key(authorization[len(PREFIX) :].strip()))
        return key is not None and key.principal is not None and key.status_at(self._clock.now_ms()) is Status.VALID

    async def resolve(self, credentials: Credentials) -> Principal | None:
        """Return whom the root key acts for; None without an Authorization header. A warm one costs no await.

        Raises:
            CredentialMalformed: The header holds no bearer token.
            RootKeyUnknown: There is no such key, or it is an ordinary one.
            RootKeyWorkspaceMissing: Its workspace does not exist.
            RootKeyWorkspaceDisabled: Its workspace is disabled.
            RootKeyDisabled: It is switched off.
            RootKeyExpired: It has expired. Judged now, whatever the age of the cached key.
            KeyNotLoaded: The key is not cached and the database failed.
        """
        if credentials.authorization is None:
            return None
        key_hash = hash_key(_token(credentials.authorization))
        cached = self._peek(key_hash)
        key = cached.value if cached is not None else await self._directory.find(key_hash, "root_key")
        status = Status.NOT_FOUND if key is None else key.status_at(self._clock.now_ms())
        self._loaded[status] += 1
        if status is Status.VALID and key is not None and key.principal is not None:
            return key.principal
        raise _refusal(status, key)


def admitted(key: VerifiableKey | None, now_ms: int) -> Principal:
    """Return whom a root key acts for at an instant. Raises as `RootKeys.resolve` does."""
    status = Status.NOT_FOUND if key is None else key.status_at(now_ms)
    if status is Status.VALID and key is not None and key.principal is not None:
        return key.principal
    raise _refusal(status, key)


def _token(authorization: str) -> str:
    try:
        return bearer_token(authorization)
    except (CredentialMissing, CredentialMalformed) as error:
        raise _explained(error) from error


def _explained(error: AppError) -> AppError:
    if isinstance(error, CredentialMissing):
        return error
    return CredentialMalformed(f"{ROOT_KEY_FORMAT} {error.public}")


def _refusal(status: Status, key: VerifiableKey | None) -> AppError:
    match status:
        case Status.WORKSPACE_NOT_FOUND:
            return RootKeyWorkspaceMissing()
        case Status.WORKSPACE_DISABLED:
            return RootKeyWorkspaceDisabled()
        case Status.DISABLED:
            return RootKeyDisabled()
        case Status.EXPIRED if key is not None and key.expires_ms is not None:
            return RootKeyExpired(key.expires_ms)
        case _:
            return RootKeyUnknown(ordinary=status is Status.VALID)
