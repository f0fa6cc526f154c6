"""Secrets stay out of sight."""

from __future__ import annotations

import pickle

import pytest

from unkey_api.core.secret import Secret

TEXT = "sk_live_4f9d2c"


@pytest.mark.parametrize("shown", [str, repr, "{}".format, "{:>10}".format, lambda s: f"{s!r}", lambda s: f"{[s]}"])
def test_no_way_of_printing_shows_the_text(shown: object) -> None:
    assert callable(shown)
    assert TEXT not in shown(Secret(TEXT))


def test_percent_formatting_shows_the_mask() -> None:
    assert "%s" % Secret(TEXT) == "***"  # noqa: UP031 - this way of formatting is what is tested


def test_reveal_gives_the_text() -> None:
    assert Secret(TEXT).reveal() == TEXT


def test_equality_is_by_text_and_never_with_a_plain_string() -> None:
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret("other")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT)}) == 1


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret("x")


def test_settings_with_secrets_can_be_handed_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(Secret(TEXT))).reveal() == TEXT  # noqa: S301 - our own bytes
