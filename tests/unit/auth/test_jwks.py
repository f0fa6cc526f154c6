"""The keys of an issuer: selection, rotation, outages, and how often it is asked."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.support.clock import FixedClock
from tests.support.tokens import Issuer, claims, ec_key, encoded, jwk, key_set, rsa_key, shared_token, signed_token
from tests.support.waiting import eventually, settle
from unkey_api.auth.jwks import REFETCH_SECONDS, PublishedKeys, TokenNotChecked
from unkey_api.auth.signatures import UnusableKeySet, read_key_set
from unkey_api.auth.token import TokenInvalid, read_token
from unkey_api.infra.jwks import JwksFetchFailed

MINUTE_MS = int(REFETCH_SECONDS * 1_000)
AWAY = JwksFetchFailed("no route")


class World:
    """An issuer and what we keep of it."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.issuer = Issuer(key_set(jwk("a")))
        self.keys = PublishedKeys(self.issuer.fetch, self.clock)

    async def check(self, text: str) -> None:
        """Read and verify a token."""
        await self.keys.verify(read_token(text, self.keys.algorithms))

    async def refused(self, text: str) -> bool:
        """Say whether the token is refused; other errors pass."""
        try:
            await self.check(text)
        except TokenInvalid:
            return True
        return False


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.keys.close()


class TestSelection:
    async def test_a_token_that_names_its_key_is_checked_with_that_one_only(self, world: World) -> None:
        world.issuer.document = key_set(jwk("a"), jwk("b"))
        await world.check(signed_token("b"))
        assert await world.refused(signed_token("b", kid="a"))
        assert world.issuer.fetches == 1

    async def test_a_token_that_names_none_is_checked_with_all(self, world: World) -> None:
        world.issuer.document = key_set(jwk("a"), jwk("b"))
        await world.check(signed_token("b", kid=None))

    async def test_elliptic_curve_keys_verify_their_own_algorithm(self, world: World) -> None:
        world.issuer.document = key_set(jwk("a"), jwk("e", algorithm="ES256"))
        await world.check(signed_token("e", algorithm="ES256"))
        assert await world.refused(signed_token("e", algorithm="ES256", kid="a"))

    async def test_a_token_that_names_another_algorithm_than_its_key_has_is_refused(self, world: World) -> None:
        """The signature is good, but the header lies about it: the kind of key decides, and both must agree."""
        world.issuer.document = key_set(jwk("e", algorithm="ES256"))
        signed = f"{encoded({'alg': 'RS256', 'kid': 'e'})}.{encoded(claims())}"
        signature = ECAlgorithm(ECAlgorithm.SHA256).sign(signed.encode(), ec_key("e"))
        forged = f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
        assert await world.refused(forged)

    async def test_a_public_key_is_never_taken_as_a_shared_secret(self, world: World) -> None:
        """The classic confusion: HS256 with the public key, which everybody knows, as the secret."""
        with pytest.raises(TokenInvalid):
            await world.check(shared_token(header={"kid": "a"}))
        assert world.issuer.fetches == 0

    async def test_garbage_causes_no_fetch(self, world: World) -> None:
        for text in ("a.b.c", "..", signed_token("a").replace(".", "!.", 1)):
            with pytest.raises(TokenInvalid):
                await world.check(text)
        assert world.issuer.fetches == 0

    async def test_a_changed_signature_is_refused(self, world: World) -> None:
        head, payload, signature = signed_token("a").split(".")
        other = signed_token("a", sub="somebody_else").split(".")[1]
        assert await world.refused(f"{head}.{other}.{signature}")
        assert await world.refused(f"{head}.{payload}.")


class TestUsableKeys:
    def test_keys_for_other_purposes_and_malformed_ones_are_skipped(self) -> None:
        entries: list[Any] = [
            jwk("a", use="enc"),
            jwk("a", alg="RS512"),
            jwk("a", n=None),
            jwk("a", n="!"),
            jwk("a", n=7),
            jwk("a", kid=7),
            jwk("e", algorithm="ES256", crv="P-384"),
            jwk("e", algorithm="ES256", x="AA"),
            {"kty": "oct", "k": "c2VjcmV0", "kid": "s"},
            "text",
            jwk("good", use=None, alg=None),
        ]
        (key,) = read_key_set(key_set(*entries))
        assert key.key_id == "good"

    def test_rsa_keys_below_2048_bits_are_skipped(self) -> None:
        short = RSAAlgorithm.to_jwk(rsa_key("short", bits=1_024).public_key(), as_dict=True)
        assert [key.key_id for key in read_key_set(key_set({**short, "kid": "short"}, jwk("a")))] == ["a"]
        with pytest.raises(UnusableKeySet, match="no usable key"):
            read_key_set(key_set({**short, "kid": "short"}))

    def test_a_private_key_counts_as_its_public_half(self) -> None:
        numbers = rsa_key("a").private_numbers()
        assert numbers.d
        (key,) = read_key_set(key_set(jwk("a", d="AQAB")))
        assert not hasattr(key.key, "private_numbers")

    @pytest.mark.parametrize("document", [b"", b"<html>", b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}', b"\xff\xfe"])
    def test_a_document_without_usable_keys_is_an_error(self, document: bytes) -> None:
        with pytest.raises(UnusableKeySet):
            read_key_set(document)


class TestRotation:
    async def test_a_new_key_verifies_after_one_refetch(self, world: World) -> None:
        await world.check(signed_token("a"))
        world.issuer.document = key_set(jwk("a"), jwk("b"))
        await world.check(signed_token("b"))
        await world.check(signed_token("b"))
        assert world.issuer.fetches == 2

    async def test_a_second_unknown_key_inside_a_minute_does_no_fetch(self, world: World) -> None:
        await world.check(signed_token("a"))
        assert await world.refused(signed_token("b"))
        world.clock.advance(MINUTE_MS - 1)
        assert await world.refused(signed_token("b"))
        assert await world.refused(signed_token("b", kid=None))
        assert world.issuer.fetches == 2
        world.clock.advance(1)
        assert await world.refused(signed_token("b"))
        assert world.issuer.fetches == 3

    async def test_a_removed_key_stops_verifying_with_the_next_refetch(self, world: World) -> None:
        await world.check(signed_token("a"))
        world.issuer.document = key_set(jwk("b"))
        await world.check(signed_token("a"))
        await world.check(signed_token("b"))
        assert await world.refused(signed_token("a"))


class TestOutage:
    async def test_before_the_first_success_every_token_tries_and_none_is_denied(self, world: World) -> None:
        world.issuer.failure = AWAY
        for _ in range(2):
            with pytest.raises(TokenNotChecked, match="no route"):
                await world.check(signed_token("a"))
        assert world.issuer.fetches == 2
        world.issuer.failure = None
        await world.check(signed_token("a"))

    async def test_the_old_keys_stay_in_force(self, world: World) -> None:
        await world.check(signed_token("a"))
        world.issuer.failure = AWAY
        with pytest.raises(TokenNotChecked):
            await world.check(signed_token("b"))
        await world.check(signed_token("a"))

    async def test_a_document_full_of_garbage_changes_nothing(self, world: World) -> None:
        await world.check(signed_token("a"))
        world.issuer.document = b"<html>Service unavailable</html>"
        with pytest.raises(TokenNotChecked):
            await world.check(signed_token("b"))
        await world.check(signed_token("a"))

    async def test_a_token_no_key_can_judge_is_not_denied_while_the_issuer_is_away(self, world: World) -> None:
        """Inside the minute nobody asks again, and still nobody knows whether the token is good."""
        await world.check(signed_token("a"))
        world.issuer.failure = AWAY
        for _ in range(2):
            with pytest.raises(TokenNotChecked):
                await world.check(signed_token("b"))
        assert world.issuer.fetches == 2
        assert await world.refused(signed_token("b", kid="a"))


class TestConcurrency:
    async def test_cold_requests_share_one_fetch(self, world: World) -> None:
        world.issuer.waits = asyncio.Event()
        checks = [asyncio.ensure_future(world.check(signed_token("a"))) for _ in range(20)]
        await eventually(lambda: world.issuer.fetches == 1)
        await settle()
        world.issuer.waits.set()
        await asyncio.gather(*checks)
        assert world.issuer.fetches == 1

    async def test_a_caller_that_leaves_does_not_take_the_fetch_with_it(self, world: World) -> None:
        world.issuer.waits = asyncio.Event()
        first = asyncio.ensure_future(world.check(signed_token("a")))
        second = asyncio.ensure_future(world.check(signed_token("a")))
        await eventually(lambda: world.issuer.fetches == 1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        world.issuer.waits.set()
        await second
        assert world.issuer.fetches == 1

    async def test_a_running_refetch_holds_up_no_token_whose_key_is_known(self, world: World) -> None:
        await world.check(signed_token("a"))
        world.issuer.waits = asyncio.Event()
        waiting = asyncio.ensure_future(world.check(signed_token("b")))
        await eventually(lambda: world.issuer.fetches == 2)
        async with asyncio.timeout(1):
            await world.check(signed_token("a"))
        assert not waiting.done()
        world.issuer.document = key_set(jwk("a"), jwk("b"))
        world.issuer.waits.set()
        await waiting
