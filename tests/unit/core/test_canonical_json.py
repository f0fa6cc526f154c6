"""The stored form of free-form JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unkey_api.core.text import canonical_json

JSON = st.recursive(
    st.none() | st.booleans() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1.0, "a": [1.5, None, True]}, '{"a":[1.5,null,true],"b":1}'),
        ({"é": "<&>"}, '{"é":"\\u003c\\u0026\\u003e"}'),
        ({"<": 1}, '{"\\u003c":1}'),
        ({"n": 1e22}, '{"n":1e+22}'),
        ({"n": -0.0}, '{"n":0}'),
        ({"n": 2.0**63}, '{"n":9223372036854775808}'),
        ({}, "{}"),
    ],
)
def test_form(value: object, text: str) -> None:
    assert canonical_json(value) == text


@given(JSON)
def test_reading_it_back_gives_the_same_value(value: object) -> None:
    assert json.loads(canonical_json(value)) == value
