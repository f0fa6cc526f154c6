"""Which of several resolvers is believed."""

from __future__ import annotations

import pytest

from unkey_api.auth.chain import AuthenticationChain, Credentials
from unkey_api.auth.errors import CredentialMalformed, CredentialMissing, RootKeyDisabled, RootKeyUnknown
from unkey_api.core.errors import AppError, InvalidInput, ServiceUnavailable, Unexpected
from unkey_api.core.principal import Principal, SubjectType

SOMEBODY = Principal("ws", "key_1", "root key", SubjectType.ROOT_KEY, frozenset())


class Scripted:
    """Answers or raises what it was made with."""

    def __init__(self, answer: Principal | AppError | None) -> None:
        self.answer = answer
        self.asked: list[Credentials] = []

    def recognise(self, credentials: Credentials) -> Principal | None:
        return self.answer if isinstance(self.answer, Principal) else None

    def vouches_for(self, credentials: Credentials) -> bool:
        return self.recognise(credentials) is not None

    async def resolve(self, credentials: Credentials) -> Principal | None:
        self.asked.append(credentials)
        if isinstance(self.answer, AppError):
            raise self.answer
        return self.answer


def chain(*answers: Principal | AppError | None) -> AuthenticationChain:
    """Return a chain of resolvers with these answers."""
    return AuthenticationChain([Scripted(answer) for answer in answers])


async def test_first_principal_wins_even_after_an_error() -> None:
    assert await chain(ServiceUnavailable("away"), None, SOMEBODY).authenticate("Bearer x", None) is SOMEBODY


async def test_later_resolvers_are_not_asked() -> None:
    later = Scripted(None)
    await AuthenticationChain([Scripted(SOMEBODY), later]).authenticate("Bearer x", "c=1")
    assert later.asked == []


ORDER: list[AppError] = [ServiceUnavailable("s"), RootKeyDisabled(), RootKeyUnknown(), InvalidInput("i")]


@pytest.mark.parametrize("graver", range(3))
async def test_failure_of_ours_beats_a_refusal_beats_a_bad_credential(graver: int) -> None:
    for answers in ((ORDER[graver], ORDER[graver + 1]), (ORDER[graver + 1], ORDER[graver])):
        with pytest.raises(AppError) as caught:
            await chain(*answers).authenticate("Bearer x", None)
        assert caught.value is ORDER[graver]


async def test_of_equals_the_first_is_reported() -> None:
    first = Unexpected("first")
    with pytest.raises(AppError) as caught:
        await chain(first, ServiceUnavailable("second")).authenticate("Bearer x", None)
    assert caught.value is first


async def test_nobody_claiming_a_bearer_is_a_missing_credential() -> None:
    with pytest.raises(CredentialMissing):
        await chain(None).authenticate("Bearer abc", None)
    with pytest.raises(CredentialMissing):
        await chain(None).authenticate(None, None)


async def test_nobody_claiming_what_is_no_bearer_is_a_malformed_one() -> None:
    with pytest.raises(CredentialMalformed):
        await chain(None).authenticate("Basic abc", None)
