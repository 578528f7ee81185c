"""Counts that can be billed, of whatever was reported."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.billing.counts import settle, size_of
from adapters.canonical import Usage

counts = st.none() | st.integers(0, 10**8)


def settled(usage: Usage, input_tokens: int = 50, said: int = 80) -> Usage:
    settle(usage, lambda: input_tokens, said, 4.0)
    return usage


def test_what_was_reported_stays() -> None:
    reported = Usage(input=10, output=5, cached=4, reasoning=2)
    assert settled(Usage(input=10, output=5, cached=4, reasoning=2)) == reported


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (Usage(), (50, 20)),
        (Usage(input=10), (10, 20)),
        (Usage(output=5), (50, 5)),
        (Usage(input=0, output=0), (50, 20)),
        (Usage(input=10, output=10_000_000), (10, 20)),
    ],
)
def test_what_is_missing_is_estimated_and_marked(usage: Usage, tokens: tuple[int, int]) -> None:
    settled(usage)
    assert (usage.input, usage.output, usage.estimated) == (*tokens, True)


def test_an_answer_without_words_has_no_tokens() -> None:
    assert settled(Usage(input=10), said=0) == Usage(input=10, output=0)
    assert settled(Usage(input=10, output=0), said=0) == Usage(input=10, output=0)


def test_hidden_thoughts_are_believed_as_far_as_models_think() -> None:
    assert settled(Usage(input=10, output=200_000)) == Usage(input=10, output=200_000)
    beside = Usage(input=10, output=342, reasoning=340)
    assert settled(Usage(input=10, output=342, reasoning=340)) == beside
    assert settled(Usage(input=10, output=2, reasoning=15_000_000)).reasoning == 2


def test_one_letter_is_one_token() -> None:
    assert settled(Usage(input=10), said=1).output == 1


@pytest.mark.parametrize(
    "usage",
    [Usage(estimated=True), Usage(seconds=3.0), Usage(characters=7)],
    ids=["estimate", "heard", "spoken"],
)
def test_what_is_no_count_of_tokens_gets_none(usage: Usage) -> None:
    settled(usage)
    assert (usage.input, usage.output) == (None, None)


@given(counts, counts, counts, counts, counts, counts, st.integers(1, 10**6), st.integers(0, 10**6))
def test_parts_are_never_more_than_the_whole(
    input, output, cached, written, heard, spoken, asked, said
) -> None:
    usage = Usage(input, output, cached, written, input_audio=heard, output_audio=spoken)
    settled(usage, asked, said)
    assert usage.input is not None
    assert usage.output is not None
    assert (usage.cached or 0) + (usage.cache_write or 0) <= usage.input
    assert (usage.input_audio or 0) <= usage.input
    assert (usage.output_audio or 0) <= usage.output
    again = Usage(usage.input, usage.output, usage.cached, usage.cache_write)
    settled(again, asked, said)
    assert (again.input, again.output) == (usage.input, usage.output)


def test_text_counts_in_bytes() -> None:
    assert [size_of(text) for text in ("", "abc", "é", "木星", "\ud800")] == [0, 3, 2, 6, 1]
