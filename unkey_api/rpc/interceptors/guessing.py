"""In front of authentication: an address that guesses is stopped before its guesses cost the database anything."""

from __future__ import annotations

from typing import Protocol

from unkey_api.core.errors import AppError
from unkey_api.core.principal import Principal
from unkey_api.rpc.exchange import current_exchange

_REFUSED = "authentication"  # the category of errors that say that a credential is no good


class KnowingAuthenticator(Protocol):
    """Finds out who sent a request, and can tell without asking anybody whether it already knows."""

    def recognise(self, authorization: str | None, cookie: str | None) -> Principal | None:
        """Return the caller if that takes no waiting, None when it does or there is none."""
        ...

    def vouches_for(self, authorization: str | None, cookie: str | None) -> bool:
        """Say whether the credential was good when it was looked up last. Asks nobody."""
        ...

    async def authenticate(self, authorization: str | None, cookie: str | None) -> Principal:
        """Return a caller who was not recognised. Raises an `AppError` when there is none."""
        ...


class Failures(Protocol):
    """Counts refused credentials per address."""

    def seconds_to_wait(self, address: str) -> int:
        """Return after how many seconds the address may present an unknown credential; 0 for now."""
        ...

    def refusal(self, seconds: int) -> AppError:
        """Return the error that says so, and count it."""
        ...

    def begin(self, address: str) -> None:
        """Note an attempt whose end is not known."""
        ...

    def end(self, address: str, *, failed: bool) -> None:
        """Note how an attempt ended."""
        ...


class GuardedAuthenticator:
    """Satisfies `Authenticator`. Whoever is known is served, whatever others at the same address do."""

    def __init__(self, authenticator: KnowingAuthenticator, failures: Failures) -> None:
        self.recognise = authenticator.recognise
        """Return the caller if that takes no waiting; whoever is returned has guessed nothing."""
        self._authenticator = authenticator
        self._failures = failures

    async def authenticate(self, authorization: str | None, cookie: str | None) -> Principal:
        """Return a caller who was not recognised.

        Raises:
            AppError: The address has failed too often, and this credential is not known to be good; otherwise what
                the authenticator says. Only refused credentials are counted, never failures of ours.
        """
        exchange = current_exchange()
        address = exchange.client_ip
        seconds = self._failures.seconds_to_wait(address)
        if seconds and not self._authenticator.vouches_for(authorization, cookie):
            exchange.response_headers.append((b"retry-after", b"%d" % seconds))
            raise self._failures.refusal(seconds)
        failed = False
        self._failures.begin(address)
        try:
            return await self._authenticator.authenticate(authorization, cookie)
        except AppError as error:
            failed = error.code.value.split(":")[2] == _REFUSED
            raise
        finally:
            self._failures.end(address, failed=failed)
