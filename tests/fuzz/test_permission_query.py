"""Permission queries at random: parsed or refused with a sentence, and never evaluated at a price."""

from __future__ import annotations

from random import Random

import pytest

from tests.fuzz.inputs import SECONDS, Bound, run_cases
from unkey_api.core.permission_query import PermissionQuerySyntaxError, Query, parse

SHORT_CASES = 500
WORDS = [
    "a",
    "b.c",
    "x:*",
    "AND",
    "and",
    "OR",
    "oR",
    "(",
    ")",
    " ",
    "\t",
    "\n",
    "é",
    "\0",
    "\ud83d",
    "a" * 200,
    "()",
    "))",
    "%",
]


def made(random: Random) -> str:
    words = random.choices(WORDS, k=random.choice((1, 3, 10, 60)))
    text = random.choice(("", " ")).join(words)
    return text * random.choice((1, 1, 1, 200))


def parsed(text: str) -> Query | None:
    try:
        return parse(text)
    except PermissionQuerySyntaxError as err:
        if not err.public:
            raise
        return None


@pytest.mark.timeout(SECONDS + 120)
async def test_every_text_is_a_query_or_a_syntax_error() -> None:
    async def case(random: Random) -> None:
        text = made(random)
        with Bound(len(text)):
            query = parsed(text)
            if query is None:
                return
            named = {step for step in query.postfix if isinstance(step, str)}
            assert query.holds(named)  # without negation, whoever has everything satisfies anything
            assert not query.holds(())

    await run_cases(SHORT_CASES, case)
