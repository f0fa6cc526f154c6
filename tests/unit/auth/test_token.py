"""What a token must look like, and what it must claim."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.tokens import ISSUER, NOW_S, claims, encoded, shared_token
from unkey_api.auth.signatures import SHARED
from unkey_api.auth.token import Claims, Expectation, TokenInvalid, read_claims, read_token

HEAD = encoded({"alg": "HS256"})
LONG = "x" * 256


def judged(*, audience: str = "", now_s: int = NOW_S, **changes: Any) -> Claims:
    token = read_token(shared_token(**changes), SHARED)
    return read_claims(token, Expectation(ISSUER, audience), now_s=now_s)


class TestForm:
    @pytest.mark.parametrize(
        "text",
        [
            "..",
            f"{HEAD}..",
            f".{encoded({})}.c2ln",
            f"{HEAD}.{encoded({})}.c2ln=",
            f"{HEAD}.{encoded({})}.c2!n",
            f"{HEAD}.{encoded({})}.c2ln\n",
            f"a.{encoded({})}.c2ln",
            f"{encoded([1])}.{encoded({})}.c2ln",
            f"bm90IGpzb24.{encoded({})}.c2ln",
        ],
    )
    def test_anything_but_three_parts_of_base64url_with_a_json_header_is_refused(self, text: str) -> None:
        with pytest.raises(TokenInvalid):
            read_token(text, SHARED)

    @pytest.mark.parametrize("algorithm", ["none", "None", "hs256", "HS512", "RS256", None, 1, ""])
    def test_only_the_expected_algorithm_is_taken(self, algorithm: object) -> None:
        with pytest.raises(TokenInvalid, match="algorithm"):
            read_token(f"{encoded({'alg': algorithm})}.{encoded({})}.c2ln", SHARED)

    def test_a_critical_extension_is_refused(self) -> None:
        """RFC 7515 wants that: who does not know the extension would misread the token."""
        with pytest.raises(TokenInvalid, match="extension"):
            read_token(shared_token(header={"crit": ["b64"], "b64": True}), SHARED)

    def test_nothing_reads_the_payload_before_the_signature(self) -> None:
        assert read_token(f"{HEAD}.bm90IGpzb24.c2ln", SHARED).payload == "bm90IGpzb24"


class TestTime:
    def test_the_second_of_expiry_is_still_valid(self) -> None:
        assert judged(exp=NOW_S).subject == "user_1"

    def test_one_second_later_it_is_not(self) -> None:
        with pytest.raises(TokenInvalid, match="expired"):
            judged(exp=NOW_S - 1)

    def test_not_before_is_inclusive(self) -> None:
        assert judged(nbf=NOW_S).subject == "user_1"
        with pytest.raises(TokenInvalid, match="not valid yet"):
            judged(nbf=NOW_S + 1)

    @pytest.mark.parametrize("name", ["exp", "iat"])
    @pytest.mark.parametrize("value", [None, 0, "1", True, [NOW_S + 60], -1, 1e300, (1 << 53) + 1])
    def test_expiry_and_issue_are_numbers_in_range_and_not_zero(self, name: str, value: object) -> None:
        payload = {key: item for key, item in claims().items() if key != name}
        if value is not None:
            payload[name] = value
        with pytest.raises(TokenInvalid):
            read_claims(read_token(f"{HEAD}.{encoded(payload)}.c2ln", SHARED), Expectation(ISSUER, ""), now_s=NOW_S)

    def test_times_may_have_fractions(self) -> None:
        assert judged(exp=NOW_S + 0.5, iat=NOW_S - 0.25, nbf=NOW_S - 0.5).subject == "user_1"
        with pytest.raises(TokenInvalid, match="expired"):
            judged(exp=NOW_S - 0.5)
        with pytest.raises(TokenInvalid, match="not valid yet"):
            judged(nbf=NOW_S + 0.5)


class TestIssuerAndAudience:
    @pytest.mark.parametrize("issuer", [None, "", ISSUER + "/", ISSUER.upper(), 7])
    def test_the_issuer_must_be_exactly_ours(self, issuer: object) -> None:
        payload = {**claims(iss=None), **({} if issuer is None else {"iss": issuer})}
        token = read_token(f"{HEAD}.{encoded(payload)}.c2ln", SHARED)
        with pytest.raises(TokenInvalid):
            read_claims(token, Expectation(ISSUER, ""), now_s=NOW_S)

    def test_the_audience_must_contain_ours_when_one_is_configured(self) -> None:
        assert judged(audience="us", aud=["them", "us"]).subject == "user_1"
        assert judged(aud=["them"]).subject == "user_1"
        for audiences in (None, [], ["them"]):
            with pytest.raises(TokenInvalid):
                judged(audience="us", aud=audiences)

    def test_the_audience_may_be_a_single_text(self) -> None:
        assert judged(audience="us", aud="us").subject == "user_1"
        assert judged(aud="them").subject == "user_1"
        for audience in ("them", "us and them", "u", ""):
            with pytest.raises(TokenInvalid, match="another audience"):
                judged(audience="us", aud=audience)

    @pytest.mark.parametrize("audience", [7, {"us": 1}, ["us", 7], True])
    def test_an_audience_of_another_form_is_malformed_even_when_none_is_configured(self, audience: object) -> None:
        with pytest.raises(TokenInvalid, match="aud"):
            judged(aud=audience)


class TestSizes:
    @pytest.mark.parametrize("name", ["sub", "jti"])
    def test_255_bytes_fit_and_256_do_not(self, name: str) -> None:
        fits: dict[str, Any] = {name: "x" * 255}
        judged(**fits)
        with pytest.raises(TokenInvalid, match="too long"):
            judged(**{name: fits[name] + "x"})

    def test_the_size_is_counted_in_bytes(self) -> None:
        with pytest.raises(TokenInvalid, match="too long"):
            judged(sub="ü" * 128)

    def test_ten_audiences_fit_and_eleven_do_not(self) -> None:
        judged(aud=["x"] * 10)
        with pytest.raises(TokenInvalid, match="too many"):
            judged(aud=["x"] * 11)

    def test_each_audience_has_255_bytes_at_most(self) -> None:
        with pytest.raises(TokenInvalid, match="too long"):
            judged(aud=["x" * 256])
        with pytest.raises(TokenInvalid, match="too long"):
            judged(aud="x" * 256)

    @pytest.mark.parametrize(
        "changes", [{"org": {"id": "x" * 256}}, {"name": "x" * 256}, {"user": {"email": "x" * 256}}]
    )
    def test_what_names_the_holder_has_255_bytes_at_most(self, changes: dict[str, Any]) -> None:
        with pytest.raises(TokenInvalid, match="too long"):
            judged(**changes)


class TestHolder:
    def test_the_subject_may_come_from_the_user(self) -> None:
        assert judged(sub=None, user={"id": "user_2"}).subject == "user_2"
        assert judged(sub="user_1", user={"id": "user_2"}).subject == "user_1"

    def test_subject_and_organization_are_needed(self) -> None:
        wrong: list[dict[str, Any]] = [{"sub": None}, {"sub": ""}, {"org": None}, {"org": {}}, {"org": {"id": ""}}]
        for changes in (*wrong, {"org": "org_1"}):
            with pytest.raises(TokenInvalid):
                judged(**changes)

    def test_the_name_falls_back_to_email_and_then_to_the_subject(self) -> None:
        assert judged(name="Ada", user={"email": "a@b.c"}).name == "Ada"
        assert judged(user={"email": "a@b.c"}).name == "a@b.c"
        assert judged().name == "user_1"

    def test_short_permissions_win_unless_empty(self) -> None:
        assert judged(perms=["a"], permissions=["b"]).permissions == ("a",)
        assert judged(perms=[], permissions=["b"]).permissions == ("b",)
        assert judged(permissions=None).permissions == ()
        for wrong in ("a", [1]):
            with pytest.raises(TokenInvalid):
                judged(permissions=wrong)
