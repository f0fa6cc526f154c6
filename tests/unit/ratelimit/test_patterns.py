"""Which identifiers a pattern covers."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unkey_api.areas.ratelimit.types import PATTERNS_TRIED, REMEMBERED, Override, OverrideIndex, Pattern


@pytest.mark.parametrize(
    ("pattern", "text", "covered"),
    [
        ("*@gmail.com", "test@gmail.com", True),
        ("*@gmail.com", "test@yahoo.com", False),
        ("*@gmail.com", "test@gmailxcom", False),
        ("hello*", "hello world", True),
        ("hello*", "goodbye world", False),
        ("*world", "hello world", True),
        ("*world", "hello earth", False),
        ("h*d", "hello world", True),
        ("h*d", "hd", True),
        ("ab*ba", "aba", False),
        ("h*beau*world", "hello beautiful world", True),
        ("*", "", True),
        ("*", "anything", True),
        ("**", "anything", True),
        ("A*", "abc", False),
        ("ü*", "über", True),
        ("ü*", "Ã¼ber", False),
        ("日*語", "日本語", True),
        ("*", "two\nlines", False),
        ("a*b", "a\nb", False),
        ("a*\n*b", "ax\nyb", True),
        ("*a", "a\n", False),
        ("?*", "x", False),
        ("[ab]*", "a", False),
    ],
)
def test_pattern_covers(pattern: str, text: str, *, covered: bool) -> None:
    assert Pattern(pattern).matches(text) is covered


alphabet = st.text(alphabet="ab*\n", min_size=1, max_size=8)


@given(alphabet.filter(lambda text: "*" in text), st.text(alphabet="ab\n", max_size=10))
def test_same_answer_as_a_regular_expression(pattern: str, text: str) -> None:
    expression = "[^\n]*".join(re.escape(piece) for piece in pattern.split("*"))
    assert Pattern(pattern).matches(text) is (re.fullmatch(expression, text) is not None)


def test_pattern_with_many_wildcards_takes_no_time() -> None:
    """A regular expression that backs up would not come back from this one."""
    started = time.process_time()
    assert not Pattern("*a" * 250 + "b*").matches("a" * 512)
    assert time.process_time() - started < 10


def an_override(identifier: str) -> Override:
    return Override(id=identifier, identifier=identifier, limit=1, duration_ms=1000)  # type: ignore[arg-type] # any id will do


def test_exact_identifier_wins_over_patterns_before_it() -> None:
    index = OverrideIndex([an_override("*"), an_override("user_1")])
    found = index.match("user_1")
    assert found is not None
    assert found.identifier == "user_1"


def test_first_pattern_that_fits_wins() -> None:
    index = OverrideIndex([an_override("b*"), an_override("*"), an_override("a*")])
    assert [getattr(index.match(text), "identifier", None) for text in ("abc", "bcd")] == ["*", "b*"]


def test_pattern_as_identifier_finds_itself_and_no_match_is_none() -> None:
    index = OverrideIndex([an_override("a*")])
    assert index.match("a*") is not None
    assert index.match("b") is None


def test_many_patterns_are_tried_once_for_an_identifier(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0
    matches = Pattern.matches

    def counted(self: Pattern, text: str) -> bool:
        nonlocal tried
        tried += 1
        return matches(self, text)

    monkeypatch.setattr(Pattern, "matches", counted)
    index = OverrideIndex([an_override(f"{number:05}*") for number in range(1_000)])
    for identifier, found in (("00900x", "00900*"), ("none", None)):
        before = tried
        for _ in range(3):
            override = index.match(identifier)
            assert (override.identifier if override else None) == found
        assert tried - before <= 1_000
    for number in range(2 * REMEMBERED):
        index.match(f"{number}")
    assert len(index._remembered) <= REMEMBERED
    assert index.match("00900x") is not None


def test_more_patterns_than_may_be_work_up_to_a_bound() -> None:
    index = OverrideIndex([an_override(f"{number:05}*") for number in range(PATTERNS_TRIED + 10)])
    assert index.match(f"{PATTERNS_TRIED - 1:05}x") is not None
    assert index.match(f"{PATTERNS_TRIED + 1:05}x") is None
    assert index.match(f"{PATTERNS_TRIED + 1:05}*") is not None
