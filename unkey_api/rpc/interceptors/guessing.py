"""In front of authentication: an address that guesses is stopped before its guesses cost the database anything."""

from __future__ import annotations

from typing import Protocol

from unkey_api.core.errors import AppError
from unkey_api.core.principal import Principal
from unkey_api.rpc.request_state import RequestState, current_request

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

    def any_full(self) -> bool:
        """Say whether some address may have failed too often."""
        ...

    def seconds_to_wait(self, address: str) -> int:
        """Return after how many seconds the address may present an unknown credential; 0 for now."""
        ...

    async def hold(self, address: str) -> float:
        """Let the address wait, if there is room for one more that waits. Returns the seconds it did."""
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
        self.wary = failures.any_full
        """Say whether `screen` may have something to say about a request; every request is asked about."""
        self._authenticator = authenticator
        self._failures = failures

    async def screen(self, state: RequestState, authorization: str | None, cookie: str | None) -> None:
        """Look at the head of a request, before its body costs anything: refuse one from an address that guesses.

        Raises:
            AppError: The address has failed too often, and this credential is not known to be good. It hears so late.
        """
        seconds = self._failures.seconds_to_wait(state.client_ip)
        if not seconds or self._is_good(authorization, cookie):
            return
        # It is not the service that took that long.
        state.started_at += await self._failures.hold(state.client_ip)
        raise self._refused(state, seconds)

    async def authenticate(self, authorization: str | None, cookie: str | None) -> Principal:
        """Return a caller who was not recognised.

        Raises:
            AppError: The address has failed too often, and this credential is not known to be good; otherwise what
                the authenticator says. Only refused credentials are counted, never failures of ours.
        """
        state = current_request()
        address = state.client_ip
        seconds = self._failures.seconds_to_wait(address)
        if seconds and not self._authenticator.vouches_for(authorization, cookie):
            raise self._refused(state, seconds)
        failed = False
        self._failures.begin(address)
        try:
            return await self._authenticator.authenticate(authorization, cookie)
        except AppError as error:
            failed = error.code.value.split(":")[2] == _REFUSED
            raise
        finally:
            self._failures.end(address, failed=failed)

    def _is_good(self, authorization: str | None, cookie: str | None) -> bool:
        known = self.recognise(authorization, cookie) is not None
        return known or self._authenticator.vouches_for(authorization, cookie)

    def _refused(self, state: RequestState, seconds: int) -> AppError:
        # It is counted, and leaves no row: a refusal must cost less than what is refused.
        state.quiet = True
        state.response_headers.append((b"retry-after", b"%d" % seconds))
        return self._failures.refusal(seconds)
