"""Messages of bounded size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unkey_api.infra.invalidation.ports import Invalidation
from unkey_api.infra.invalidation.wire import MalformedMessage, decode, encode

KEYS = st.none() | st.text(max_size=60)
CHANGES = st.sets(
    st.builds(
        Invalidation, st.sampled_from(["a", "keys", "verification_key_by_hash"]), st.none() | st.text(max_size=60)
    ),
    max_size=60,
)


@given(CHANGES)
def test_every_change_arrives_in_messages_that_fit(changes: set[Invalidation]) -> None:
    messages = list(encode(changes, origin="ins_123456789", changed_at_ms=1_750_000_000_000, bytes_max=400))
    assert all(len(message.data) <= 400 for message in messages)
    heard = [change for message in messages for change in decode(message.data).changes]
    assert sorted(heard, key=repr) == sorted(changes, key=repr)


@given(CHANGES)
def test_origin_and_time_travel_with_every_message(changes: set[Invalidation]) -> None:
    for message in encode(changes, origin="ins_1", changed_at_ms=1_750_000_000_000, bytes_max=400):
        heard = decode(message.data)
        assert (heard.origin, heard.changed_at_ms) == ("ins_1", 1_750_000_000_000)


def test_seven_keys_travel_in_one_event() -> None:
    """The size of an event decides how many changes a second the gossip can carry."""
    changes = [Invalidation("verification_key_by_hash", f"{number:044}") for number in range(7)]
    (message,) = encode(changes, origin="ins_123456789", changed_at_ms=1_750_000_000_000, bytes_max=400)
    assert len(message.changes) == 7


def test_many_changes_are_spread_over_messages_that_fit() -> None:
    changes = {Invalidation(cache, f"{number:044}") for number in range(100) for cache in ("keys", "apis")}
    messages = list(encode(changes, origin="ins_123456789", changed_at_ms=1_750_000_000_000, bytes_max=400))
    assert all(0 < len(message.data) <= 400 for message in messages)
    assert {change for message in messages for change in decode(message.data).changes} == changes
    assert len(messages) <= 32


def test_a_change_that_fits_nowhere_is_told_apart() -> None:
    huge, small = Invalidation("keys", "x" * 500), Invalidation("keys", "k")
    messages = list(encode([huge, small], origin="ins_1", changed_at_ms=0, bytes_max=400))
    assert {(bool(message.data), message.changes) for message in messages} == {(False, (huge,)), (True, (small,))}


@pytest.mark.parametrize("data", [b"\xff\xff", b"\x0a\xffabc", b"\x0a\x02\xff\xfe"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(data)
