"""Mutated queries against the SQL guard: refused in words, or printed with every table in its rows, and never slow."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.inputs import Bound, mutate, run_cases
from tests.support.hostile_queries import hostile_queries
from unkey_api.areas.analytics.guard.lexing import MAX_QUERY_BYTES
from unkey_api.areas.analytics.guard.policy import Policy
from unkey_api.areas.analytics.guard.rewriting import rewrite
from unkey_api.areas.analytics.tables import VERIFICATIONS
from unkey_api.core.errors import AppError

POLICY = Policy(workspace_id="ws_a", tables=VERIFICATIONS, max_rows=10, retention=timedelta(days=30))
NOW = datetime(2026, 6, 15, tzinfo=UTC)
UNITS = {"SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}
QUERIES = list(hostile_queries())
WORDS_OF_SQL = """
    SELECT FROM WHERE key_verifications_v1 default.key_verifications_raw_v2 ( ) [ ] ' ` " -- /* */ ; , . * IN NOT AND OR
    UNION ALL EXCEPT WITH AS JOIN ON USING ARRAY SETTINGS FORMAT LIMIT BY OFFSET CASE WHEN THEN END :: -> ? : INTERVAL
    DAY now() 'a' 1 0x1 1e9 \\ \\' '' FINAL GLOBAL ANY LEFT OVER DISTINCT EXTRACT( CAST(
"""
WORDS = [word.encode() for word in WORDS_OF_SQL.split()]
QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`", re.DOTALL)
TOKEN = re.compile(rf"{QUOTED.pattern}|\w+|\S", re.DOTALL)


def check(query: str) -> None:
    with Bound(min(len(query), MAX_QUERY_BYTES)):
        try:
            text = rewrite(query, POLICY, now=NOW)
        except AppError:
            return
    tokens = TOKEN.findall(text)
    for before, token, after in zip(tokens, tokens[1:], range(2, len(tokens) + 1), strict=False):
        is_source = (token == "FROM" and before not in {*UNITS, "FILL"}) or (token == "JOIN" and before != "ARRAY")
        assert not is_source or is_safe(tokens[after:]), text
    bare = QUOTED.sub(" ", text)
    assert not re.search(r"--|/\*|;|#|\b(SETTINGS|FORMAT|OUTFILE)\b", bare), text


def is_safe(source: list[str]) -> bool:
    """Say whether a source is a subquery, a common table by our name, or the rows of the workspace."""
    if source[0] == "(" or source[0].startswith("`unkey_cte_"):
        return True
    name, *rest = [token for token in source[2:10] if token != "FINAL"]
    return source[:2] == ["`default`", "."] and rest[:6] == ["WHERE", name, ".", "`workspace_id`", "=", "'ws_a'"]


async def test_mutated_queries() -> None:
    async def case(random: Random) -> None:
        seed = random.choice(QUERIES)
        check(mutate(seed.encode(), WORDS, random).decode("utf-8", "replace"))

    await run_cases(400, case)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([word.decode() for word in WORDS]) | st.text(max_size=4), max_size=60))
def test_random_words(words: list[str]) -> None:
    check("SELECT " + " ".join(words))
    check(f"SELECT 1 FROM key_verifications_v1 WHERE {' '.join(words)}")
