"""The published keys of an issuer: fetched when first needed, and again when a token names one we do not have."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from unkey_api.auth.signatures import PUBLISHED, PublicKey, UnusableKeySet, read_key_set
from unkey_api.auth.token import Token, TokenInvalid
from unkey_api.core.clock import Clock
from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.jwks import JwksFetchFailed
from unkey_api.infra.resilience.tasks import SingleFlight

REFETCH_SECONDS = 60.0  # tokens with made-up key ids must not become requests to the issuer

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Fetch = Callable[[], Coroutine[Any, Any, bytes]]  # Any: the coroutine protocol's own
"""Brings the document; raises `JwksFetchFailed`."""


class TokenNotChecked(ServiceUnavailable):
    """The token could not be judged. It says nothing about the token."""

    def __init__(self, internal: str) -> None:
        super().__init__("Unable to verify the bearer token right now.", internal=internal)


class PublishedKeys:
    """RS256 and ES256 with the keys of one issuer. Satisfies `TokenKeys`.

    Until the first success every token fetches; tokens that arrive meanwhile share that fetch. From then on a token
    is only held up when no cached key can be its own: its `kid` is unknown, or it has none and none fits. Then the
    set is fetched anew, once a minute at most. A fetch that fails leaves the old set in force.
    """

    algorithms = PUBLISHED

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: tuple[PublicKey, ...] | None = None
        self._refetched_at: float | None = None
        self._failure = ""
        self._flights: SingleFlight[str, None] = SingleFlight("jwks")

    async def verify(self, token: Token) -> None:
        """Return when a key of the issuer made the signature.

        Raises:
            TokenInvalid: None did, and the issuer was asked lately.
            TokenNotChecked: No key we have fits, and the latest attempt to fetch newer ones failed.
        """
        if self._settled(token):
            return
        await self._fetch_if_due()
        if self._settled(token):
            return
        if self._failure:
            raise TokenNotChecked(self._failure)
        raise TokenInvalid("signed with none of the issuer's keys")

    def has_signed(self, token: Token) -> bool:
        """Say whether a key fetched before made the signature."""
        try:
            return self._settled(token)
        except TokenInvalid:
            return False

    async def close(self) -> None:
        """End a fetch that is under way. Safe to repeat."""
        await self._flights.close()

    def _settled(self, token: Token) -> bool:
        """Say whether a cached key signed the token; False when newer keys might. Raises TokenInvalid otherwise."""
        keys = self._keys or ()
        if token.key_id is not None:
            keys = tuple(key for key in keys if key.key_id == token.key_id)
        if any(key.signed(token) for key in keys):
            return True
        if keys and token.key_id is not None:
            raise TokenInvalid("not signed with the key it names")
        return False

    async def _fetch_if_due(self) -> None:
        if "set" not in self._flights and self._keys is not None:
            now = self._clock.monotonic()
            if self._refetched_at is not None and now - self._refetched_at < REFETCH_SECONDS:
                return
            self._refetched_at = now
        await self._flights.run("set", self._replace)

    async def _replace(self) -> None:
        try:
            self._keys = read_key_set(await self._fetch())
            self._failure = ""
        except (JwksFetchFailed, UnusableKeySet) as err:
            self._failure = str(err)
            _log.warning(
                "key set of the token issuer not fetched", error=str(err), state="kept" if self._keys else "none"
            )
