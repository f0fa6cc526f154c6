"""Requirements: evaluation and the sentences of a denial."""

from __future__ import annotations

from typing import cast

import pytest

from unkey_api.core.error_code import ErrorCode
from unkey_api.core.errors import AppError, ServiceUnavailable, Unexpected
from unkey_api.core.rbac import (
    InsufficientPermissions,
    Requirement,
    all_of,
    alternatives,
    any_of,
    hide_denial,
    is_allowed,
    literal,
    or_else,
    require,
    require_unseen,
    tuple_,
    urn,
)

A, B, C = literal("a"), literal("b"), literal("c")


class ApiNotFound(AppError):
    code = ErrorCode.DATA_API_NOT_FOUND


def denial(requirement: Requirement, *granted: str) -> str:
    with pytest.raises(InsufficientPermissions) as caught:
        require(frozenset(granted), requirement)
    return caught.value.public


class TestEvaluation:
    def test_tuple_is_the_joined_text(self) -> None:
        assert is_allowed(frozenset({"api.api_1.read_api"}), tuple_("api", "api_1", "read_api"))

    def test_wildcard_tuple_grant_counts_only_when_the_wildcard_form_is_asked(self) -> None:
        granted = frozenset({"api.*.read_api"})
        assert not is_allowed(granted, tuple_("api", "api_1", "read_api"))
        assert is_allowed(granted, any_of(tuple_("api", "*", "read_api"), tuple_("api", "api_1", "read_api")))

    def test_plain_star_satisfies_nothing(self) -> None:
        assert not is_allowed(frozenset({"*"}), tuple_("api", "*", "read_api"))
        assert not is_allowed(frozenset({"*"}), urn("ws", "keyspaces/ks", "read_keyspace"))

    def test_admin_urn_does_not_satisfy_a_tuple(self) -> None:
        assert not is_allowed(frozenset({"unkey:v1:ws:**#*"}), tuple_("api", "*", "create_api"))

    def test_urn_is_satisfied_literally_or_by_a_wildcard(self) -> None:
        wanted = urn("ws", "keyspaces/ks/keys/k", "read_key")
        assert is_allowed(frozenset({"unkey:v1:ws:keyspaces/ks/keys/k#read_key"}), wanted)
        assert is_allowed(frozenset({"unkey:v1:ws:keyspaces/*/keys/*#read_key"}), wanted)
        assert not is_allowed(frozenset({"unkey:v1:ws2:keyspaces/*/keys/*#read_key"}), wanted)

    def test_literal_never_expands_a_urn_wildcard(self) -> None:
        assert not is_allowed(frozenset({"unkey:v1:ws:**#*"}), literal("unkey:v1:ws:a#b"))

    @pytest.mark.parametrize(
        ("granted", "expected"),
        [({"a"}, False), ({"b"}, False), ({"a", "b"}, True), ({"a", "c"}, True), ({"b", "c"}, False)],
    )
    def test_trees_nest(self, granted: set[str], expected: bool) -> None:  # noqa: FBT001 - a table of cases
        assert is_allowed(frozenset(granted), all_of(A, any_of(B, C))) is expected

    def test_equal_but_distinct_permission_sets_are_judged_alike(self) -> None:
        wanted = urn("ws", "projects/p", "x")
        for _ in range(2):
            assert is_allowed(frozenset(["unkey:v1:ws:projects/*#x"]), wanted)
            assert not is_allowed(frozenset(["unkey:v1:ws:portals/*#x"]), wanted)


class TestDenialText:
    def test_leaf(self) -> None:
        assert denial(tuple_("api", "*", "create_key")) == "Missing permission: 'api.*.create_key'"

    def test_urn_leaf(self) -> None:
        wanted = urn("ws", "keyspaces/ks", "create_key")
        assert denial(wanted) == "Missing permission: 'unkey:v1:ws:keyspaces/ks#create_key'"

    def test_any_of_lists_every_choice_and_never_what_the_caller_has(self) -> None:
        assert denial(any_of(A, B, C), "have_this") == "Missing one of these permissions: a or b or c"

    def test_nested_groups_are_printed_without_parentheses(self) -> None:
        assert denial(any_of(A, all_of(B, C))) == "Missing one of these permissions: a or b and c"

    def test_all_of_gives_the_text_of_its_first_failing_child(self) -> None:
        assert denial(all_of(A, any_of(B, C)), "a") == "Missing one of these permissions: b or c"
        assert denial(all_of(A, B)) == "Missing permission: 'a'"

    def test_empty_any_of_is_denied(self) -> None:
        assert denial(any_of()) == "Missing one of these permissions: "

    def test_code_is_insufficient_permissions(self) -> None:
        assert InsufficientPermissions.code is ErrorCode.AUTHORIZATION_INSUFFICIENT_PERMISSIONS


class TestBrokenTree:
    def test_empty_all_of_never_allows(self) -> None:
        with pytest.raises(Unexpected):
            require(frozenset({"a"}), all_of())

    def test_something_else_is_a_fault_not_a_denial(self) -> None:
        with pytest.raises(Unexpected):
            require(frozenset(), cast("Requirement", "api.*.read_api"))  # what an untyped caller could pass


class TestMasking:
    def test_denial_is_raised_as_the_given_error(self) -> None:
        with pytest.raises(ApiNotFound, match="no such API") as caught:
            require(frozenset(), A, hide_as=lambda: ApiNotFound("no such API"))
        assert isinstance(caught.value.__cause__, InsufficientPermissions)

    def test_granted_permission_is_not_masked(self) -> None:
        require(frozenset({"a"}), A, hide_as=lambda: ApiNotFound("no such API"))

    def test_broken_tree_is_not_masked(self) -> None:
        with pytest.raises(Unexpected):
            require(frozenset(), all_of(), hide_as=lambda: ApiNotFound("no such API"))

    def test_only_a_denial_is_replaced(self) -> None:
        absent, outage = ApiNotFound("no such API"), ServiceUnavailable("database away")
        assert hide_denial(InsufficientPermissions("no"), absent) is absent
        assert hide_denial(outage, absent) is outage


class TestWidened:
    WIDE = or_else(any_of(A, B), urn("ws", "x/*", "do"))

    @pytest.mark.parametrize("held", ["a", "b", "unkey:v1:ws:x/*#do", "unkey:v1:ws:**#*"])
    def test_each_way_is_enough(self, held: str) -> None:
        require(frozenset({held}), self.WIDE)

    def test_denial_speaks_of_what_is_stated(self) -> None:
        with pytest.raises(InsufficientPermissions, match=r"^Missing one of these permissions: a or b:"):
            require(frozenset({"unkey:v1:ws:x/1#do"}), self.WIDE)

    def test_it_can_be_part_of_another_requirement(self) -> None:
        nested = any_of(literal("c"), all_of(self.WIDE, literal("d")))
        with pytest.raises(InsufficientPermissions, match=r"permissions: c or a or b and d:"):
            require(frozenset({"a"}), nested)
        with pytest.raises(InsufficientPermissions, match=r"permissions: a or b:"):
            require(frozenset({"d"}), all_of(literal("d"), self.WIDE))


class TestAlternatives:
    def test_every_way_once_in_order(self) -> None:
        requirement = or_else(all_of(any_of(A, B), literal("c"), A), urn("ws", "x", "do"))
        assert alternatives(requirement) == [("a", "c"), ("b", "c", "a"), ("unkey:v1:ws:x#do",)]

    def test_repetitions_are_left_out(self) -> None:
        assert alternatives(any_of(A, all_of(A), any_of(A))) == [("a",)]


class TestRequireUnseen:
    """`things` are found by name; URNs name them by id."""

    async def ask(self, name: str, *held: str) -> tuple[str | None, int]:
        reads = 0

        async def find() -> str | None:
            nonlocal reads
            reads += 1
            return {"one": "id_1"}.get(name)

        def needs(found: str | None) -> Requirement:
            return or_else(tuple_("thing", "*", "read"), urn("ws", f"things/{found or '*'}", "read"))

        return await require_unseen(frozenset(held), find, needs), reads

    @pytest.mark.parametrize("held", ["thing.*.read", "unkey:v1:ws:things/*#read"])
    async def test_who_may_see_all_is_told_the_truth(self, held: str) -> None:
        assert await self.ask("one", held) == ("id_1", 1)
        assert await self.ask("absent", held) == (None, 1)

    async def test_who_may_see_one_sees_it_and_nothing_of_others(self) -> None:
        assert await self.ask("one", "unkey:v1:ws:things/id_1#read") == ("id_1", 1)
        for name, held in (("one", "id_2"), ("absent", "id_1")):
            with pytest.raises(InsufficientPermissions, match=r"^Missing permission: 'thing\.\*\.read':"):
                await self.ask(name, f"unkey:v1:ws:things/{held}#read")

    async def test_nothing_is_read_for_who_holds_no_urn(self) -> None:
        reads = 0

        async def find() -> None:
            nonlocal reads
            reads += 1

        with pytest.raises(InsufficientPermissions):
            await require_unseen(frozenset({"thing.id_1.read", "unkey:v1:ws:broken"}), find, lambda _: A)
        assert reads == 0
