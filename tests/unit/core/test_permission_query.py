"""The permission language of verifyKey."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unkey_api.core.error_code import ErrorCode
from unkey_api.core.permission_query import PermissionQuerySyntaxError, parse

Tree = str | tuple[str, "Tree", "Tree"]
NAMES = ["a", "b", "c.d", "*", "docs.*", "x:y/z-_", "android", "or.read", "ANDx"]
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.sampled_from(NAMES),
    lambda inner: st.tuples(st.sampled_from(["AND", "or", "And", "OR"]), inner, inner),
    max_leaves=20,
)


def holds(text: str, *slugs: str) -> bool:
    return parse(text).holds(list(slugs))


def refusal(text: str) -> str:
    with pytest.raises(PermissionQuerySyntaxError) as caught:
        parse(text)
    return caught.value.public


def naive_text(tree: Tree) -> str:
    """Write a tree with every group in parentheses."""
    if isinstance(tree, str):
        return tree
    return f"({naive_text(tree[1])} {tree[0]} {naive_text(tree[2])})"


def naive_verdict(tree: Tree, slugs: set[str]) -> bool:
    """Judge a tree by plain recursion."""
    if isinstance(tree, str):
        return tree in slugs
    verdicts = (naive_verdict(tree[1], slugs), naive_verdict(tree[2], slugs))
    return all(verdicts) if tree[0].upper() == "AND" else any(verdicts)


class TestEvaluation:
    def test_and_binds_tighter_than_or(self) -> None:
        assert holds("a OR b AND c", "a")
        assert not holds("a OR b AND c", "b")
        assert holds("a AND b OR c", "c")

    def test_parentheses_override_the_binding(self) -> None:
        assert not holds("(a OR b) AND c", "a")
        assert holds("(a OR b) AND c", "a", "c")

    def test_operators_are_whole_words_in_any_case(self) -> None:
        assert holds("a and b", "a", "b")
        assert holds("a Or b", "b")
        assert holds("android", "android")
        assert holds("ANDx oR or.read", "or.read")

    def test_star_is_an_ordinary_character(self) -> None:
        assert holds("*", "*")
        assert not holds("*", "a")
        assert holds("documents.*", "documents.*")
        assert not holds("documents.*", "documents.read")
        assert not holds("documents.read", "documents.*")

    def test_duplicate_slugs_are_harmless(self) -> None:
        assert holds("a AND b", "a", "b", "a", "b")

    def test_twenty_five_permissions_with_mixed_nesting(self) -> None:
        text = " AND ".join(f"(p{i} OR (q{i} AND r{i}))" for i in range(25))
        assert holds(text, *(f"p{i}" if i % 2 else f"q{i}" for i in range(25)), *(f"r{i}" for i in range(25)))
        assert not holds(text, *(f"p{i}" for i in range(24)))

    @pytest.mark.parametrize("depth", [499, 5_000])
    def test_deep_nesting_parses_and_evaluates(self, depth: int) -> None:
        assert holds("(" * depth + "a" + ")" * depth, "a")
        assert holds("(a AND " * depth + "a" + ")" * depth, "a")

    def test_white_space_is_free(self) -> None:
        assert holds("\t(a\r\nAND b )\n", "a", "b")
        assert holds("(a)AND(b)", "a", "b")

    def test_nul_ends_the_input(self) -> None:
        assert holds("a\0 AND %", "a")

    @given(tree=TREES, slugs=st.sets(st.sampled_from(NAMES)))
    def test_agrees_with_a_recursive_evaluator(self, tree: Tree, slugs: set[str]) -> None:
        assert parse(naive_text(tree)).holds(slugs) is naive_verdict(tree, slugs)

    @given(
        names=st.lists(st.sampled_from("abc"), min_size=1, max_size=8),
        words=st.lists(st.sampled_from(["AND", "OR"]), min_size=8, max_size=8),
        slugs=st.sets(st.sampled_from("abc")),
    )
    def test_flat_queries_agree_with_python(self, names: list[str], words: list[str], slugs: set[str]) -> None:
        flat = names[0] + "".join(f" {word} {name}" for word, name in zip(words, names[1:], strict=False))
        groups = [group.split(" AND ") for group in flat.split(" OR ")]
        assert parse(flat).holds(slugs) is any(all(name in slugs for name in group) for group in groups)

    @given(text=st.text(alphabet="ab ()ANDOR%é\0\n", max_size=30))
    def test_any_text_parses_or_is_refused_politely(self, text: str) -> None:
        try:
            parse(text).holds(frozenset())
        except PermissionQuerySyntaxError as err:
            assert err.public  # noqa: PT017 - either outcome is legal


class TestRefusal:
    def test_code_is_the_syntax_error(self) -> None:
        assert PermissionQuerySyntaxError.code is ErrorCode.USER_BAD_REQUEST_PERMISSIONS_QUERY_SYNTAX_ERROR

    @pytest.mark.parametrize("text", ["", "  \t\r\n", "\0a"])
    def test_blank_input(self, text: str) -> None:
        assert refusal(text) == "Unexpected end of input. Please provide a valid permission query."

    @pytest.mark.parametrize("text", ["a AND", "a or ", "(", "a AND (", "((("])
    def test_end_where_an_operand_is_expected(self, text: str) -> None:
        assert refusal(text) == ("Unexpected end of query. Expected a permission identifier or opening parenthesis.")

    @pytest.mark.parametrize(("text", "position"), [("()", 1), ("permission_1 AND ()", 18), ("( )", 2)])
    def test_empty_parentheses_are_found_at_the_closing_one(self, text: str, position: int) -> None:
        assert refusal(text).startswith(f"Empty parentheses found at position {position}. ")

    @pytest.mark.parametrize(
        ("text", "position"), [("(permission_1 AND permission_2", 30), ("(a", 2), ("(a b", 3), ("(a %", 3), ("((a)", 4)]
    )
    def test_missing_closing_parenthesis_where_it_was_expected(self, text: str, position: int) -> None:
        assert refusal(text).startswith(f"Missing closing parenthesis ')' at position {position}. ")

    @pytest.mark.parametrize(
        ("text", "token", "position"),
        [("AND a", "AND", 0), ("a AND or b", "or", 6), (")", ")", 0), ("a AND )", ")", 6), ("(AND", "AND", 1)],
    )
    def test_operator_or_closing_parenthesis_in_operand_position(self, text: str, token: str, position: int) -> None:
        assert refusal(text) == (
            f"Unexpected token '{token}' at position {position}. "
            "Expected a permission identifier or opening parenthesis."
        )

    @pytest.mark.parametrize(
        ("text", "token", "position"),
        [
            ("a b", "b", 2),
            ("a)", ")", 1),
            ("a (b)", "(", 2),
            ("a %", "invalid character '%' at position 2 in query", 2),
        ],
    )
    def test_text_behind_a_full_expression(self, text: str, token: str, position: int) -> None:
        assert refusal(text) == (
            f"Unexpected token '{token}' at position {position}. "
            "The query appears to have extra content after a valid expression."
        )

    @pytest.mark.parametrize(
        ("text", "character", "position"), [("%", "%", 0), ("a AND $b", "$", 6), ("a OR é", "é", 5), ("#", "#", 0)]
    )
    def test_illegal_character_in_operand_position_is_named(self, text: str, character: str, position: int) -> None:
        assert refusal(text).startswith(f"Invalid character '{character}' found in query at position {position}. ")

    def test_a_refusal_is_the_same_the_second_time(self) -> None:
        assert refusal("a b") == refusal("a b")
