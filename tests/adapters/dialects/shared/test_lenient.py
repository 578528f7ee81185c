"""What an upstream says of itself is taken for what it should be, or for nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dialects.shared.lenient import LONGEST_NAME, MOST_TOKENS, count, dollars, first, moment, word

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.integers()),
    st.dictionaries(st.text(), st.none()),
)


@given(ANYTHING)
def test_whatever_comes_the_ledger_gets_a_text_a_bounded_number_or_nothing(value):
    name = word(value)
    if isinstance(value, str) and value:
        assert name is not None
        assert name.isprintable()
        assert name == value or not value.isprintable() or len(name) == LONGEST_NAME < len(value)
    else:
        assert name is None
    assert count(value) is None or (type(count(value)) is int and 0 <= count(value) <= MOST_TOKENS)
    assert dollars(value) is None or (type(dollars(value)) is float and 0.0 <= dollars(value) <= 1e6)


@pytest.mark.parametrize(
    ("value", "counted"),
    [
        (7, 7),
        (7.0, 7),
        (0, 0),
        (-3, None),
        (7.5, None),
        (True, None),
        ("7", None),
        (2**63, None),
        (1e300, None),
        (float("nan"), None),
        (MOST_TOKENS, MOST_TOKENS),
        (MOST_TOKENS + 1, None),
    ],
)
def test_a_count(value, counted):
    assert count(value) == counted


@pytest.mark.parametrize(
    ("value", "seconds"), [(1_760_000_000, 1_760_000_000), (-1, None), (1e9, None), ("1", None)]
)
def test_a_moment(value, seconds):
    assert moment(value) == seconds


def test_the_first_count_that_was_reported():
    assert first(None, "x", 0, 5) == 0
    assert first(None, []) is None


@pytest.mark.parametrize(("value", "usd"), [(0.25, 0.25), (1, 1.0), (-1, None), (1e300, None), (True, None)])
def test_a_cost(value, usd):
    assert dollars(value) == usd
