"""URN permissions: grammar and coverage."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unkey_api.core.urn import UrnGrants, parse_urn_grant, urn_text

SEGMENTS = st.sampled_from(["a", "b", "projects", "*"])
GRANT_PATHS = st.tuples(st.lists(SEGMENTS, max_size=4), st.booleans()).map(
    lambda drawn: [*drawn[0], "**"] if drawn[1] or not drawn[0] else drawn[0]
)
REQUIRED_PATHS = st.lists(SEGMENTS, min_size=1, max_size=5)


def covers(grant: str, *, path: str, action: str, workspace: str = "ws") -> bool:
    return UrnGrants([grant]).cover(workspace, path, action)


def naive_cover(granted: list[str], required: list[str]) -> bool:
    """Decide by regular expression, a way that shares nothing with the code under test."""
    pattern = "".join("/[^/]+" if part == "*" else "/" + re.escape(part) for part in granted if part != "**")
    if granted[-1] == "**":
        pattern += "(/.*)?"
    return re.fullmatch(pattern, "/" + "/".join(required)) is not None


class TestGrammar:
    @pytest.mark.parametrize(
        "text",
        [
            "unkey:v1:ws:projects/p#read",
            "unkey:v1:ws:projects/*/apps/**#read_app",
            "unkey:v1:ws:*/**#x",
            "unkey:v1:ws:**#*",
            "unkey:v1:ws:**#delete_key",
            "unkey:v1:*:a#b",
        ],
    )
    def test_well_formed_grants_are_read(self, text: str) -> None:
        assert parse_urn_grant(text) is not None

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "api.*.read_api",
            "unkey:v2:ws:a#b",
            "other:v1:ws:a#b",
            "unkey:v1:ws:a",
            "unkey:v1:ws#b",
            "unkey:v1::a#b",
            "unkey:v1:w/s:a#b",
            "unkey:v1:w#s:a#b",
            "unkey:v1:ws:a:b#c",
            "unkey:v1:ws:#b",
            "unkey:v1:ws:a//b#c",
            "unkey:v1:ws:/a#c",
            "unkey:v1:ws:a/#c",
            "unkey:v1:ws:a*#c",
            "unkey:v1:ws:***#c",
            "unkey:v1:ws:**/a#c",
            "unkey:v1:ws:a#b#c",
            "unkey:v1:ws:a#",
            "unkey:v1:ws:a#_b",
            "unkey:v1:ws:a#b_",
            "unkey:v1:ws:a#_",
            "unkey:v1:ws:a#b:c",
            "unkey:v1:ws:a#b/c",
            "unkey:v1:ws:a#b*",
            "unkey:v1:ws:a#*",
            "unkey:v1:ws:projects/*#*",
            "unkey:v1:ws:projects/**#*",
        ],
    )
    def test_malformed_grants_are_none(self, text: str) -> None:
        assert parse_urn_grant(text) is None


class TestCoverage:
    def test_star_covers_one_project_but_nothing_below_it(self) -> None:
        grant = "unkey:v1:ws:projects/*#x"
        assert covers(grant, path="projects/p", action="x")
        assert not covers(grant, path="projects/p/apps/a", action="x")
        assert not covers(grant, path="projects", action="x")

    def test_double_star_covers_the_base_and_everything_below(self) -> None:
        grant = "unkey:v1:ws:projects/**#x"
        assert covers(grant, path="projects", action="x")
        assert covers(grant, path="projects/p", action="x")
        assert covers(grant, path="projects/p/apps/a", action="x")
        assert not covers(grant, path="portals/p", action="x")

    def test_admin_grant_covers_its_workspace_and_no_other(self) -> None:
        grant = "unkey:v1:ws:**#*"
        assert covers(grant, path="keyspaces/ks/keys/k", action="read_key")
        assert not covers(grant, path="keyspaces/ks/keys/k", action="read_key", workspace="ws2")

    def test_grant_of_another_workspace_covers_nothing(self) -> None:
        assert not covers("unkey:v1:ws:projects/*#x", path="projects/p", action="x", workspace="ws2")

    def test_another_action_is_not_covered(self) -> None:
        assert not covers("unkey:v1:ws:**#x", path="a", action="y")

    def test_malformed_grant_beside_a_good_one_is_ignored(self) -> None:
        grants = UrnGrants(["unkey:v1:ws:projects/*#*", "unkey:v1:ws:projects/*#x", "rubbish"])
        assert grants.cover("ws", "projects/p", "x")
        assert not grants.cover("ws", "projects/p", "y")

    def test_required_star_needs_a_wildcard_grant(self) -> None:
        required = "keyspaces/ks/keys/*"
        assert covers("unkey:v1:ws:keyspaces/ks/keys/*#read_key", path=required, action="read_key")
        assert covers("unkey:v1:ws:keyspaces/**#read_key", path=required, action="read_key")
        assert not covers("unkey:v1:ws:keyspaces/ks/keys/k#read_key", path=required, action="read_key")

    def test_required_subtree_needs_a_subtree_grant(self) -> None:
        assert not covers("unkey:v1:ws:projects/*#x", path="projects/**", action="x")
        assert covers("unkey:v1:ws:projects/**#x", path="projects/**", action="x")

    @given(granted=GRANT_PATHS, required=REQUIRED_PATHS)
    def test_coverage_agrees_with_a_regular_expression(self, granted: list[str], required: list[str]) -> None:
        grant = urn_text("ws", "/".join(granted), "act")
        assert covers(grant, path="/".join(required), action="act") == naive_cover(granted, required)

    @given(text=st.text(alphabet="ab*/#:_", max_size=20))
    def test_any_text_is_read_or_ignored_without_an_error(self, text: str) -> None:
        grant = parse_urn_grant(f"unkey:v1:ws:{text}")
        assert grant is None or urn_text(grant.workspace_id, "/".join(grant.segments), grant.action).endswith(text)


PATTERNS = st.lists(st.sampled_from(["a", "projects", "*"]), min_size=1, max_size=4)
IDS = st.sampled_from(["a", "b", "projects", "c"])


class TestPlaces:
    @given(st.lists(GRANT_PATHS, max_size=3), PATTERNS, st.data())
    def test_places_reach_exactly_what_is_covered(
        self, granted: list[list[str]], pattern: list[str], data: st.DataObject
    ) -> None:
        grants = UrnGrants([f"unkey:v1:ws:{'/'.join(path)}#read" for path in granted])
        path = [data.draw(IDS) if segment == "*" else segment for segment in pattern]
        ids = [mine for mine, segment in zip(path, pattern, strict=True) if segment == "*"]
        reached = any(
            all(place in ("*", mine) for place, mine in zip(places, ids, strict=True))
            for places in grants.places("ws", "/".join(pattern), "read")
        )
        assert reached == grants.cover("ws", "/".join(path), "read")

    def test_each_grant_names_its_ids(self) -> None:
        grants = [
            "unkey:v1:ws:projects/p1/rooms/r1#read",
            "unkey:v1:ws:projects/p2/**#read",
            "unkey:v1:ws:*/*/rooms/r3#read",
            "unkey:v1:ws:projects/p4/rooms/r4#write",
            "unkey:v1:other:projects/p5/rooms/r5#read",
            "unkey:v1:ws:projects/p6#read",
        ]
        assert UrnGrants(grants).places("ws", "projects/*/rooms/*", "read") == {("p1", "r1"), ("p2", "*"), ("*", "r3")}

    def test_who_may_do_everything_reaches_everything(self) -> None:
        assert UrnGrants(["unkey:v1:ws:**#*"]).places("ws", "projects/*/rooms/*", "read") == {("*", "*")}
        assert UrnGrants(["unkey:v1:ws:**#*"]).places("other", "projects/*/rooms/*", "read") == frozenset()
