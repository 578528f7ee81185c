"""Free text inside a function's arguments: the same text however the arguments are cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dialects.shared.free_text import FreeText, described, enclosed, free_text_schema, text_of

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


def _read(pieces: list[str]) -> tuple[str, str]:
    reader = FreeText()
    return "".join(map(reader.feed, pieces)), reader.close()


@given(texts, st.lists(st.integers(0, 400), max_size=6), st.booleans())
def test_text_comes_out_as_it_went_in_however_it_is_cut(text: str, cuts: list[int], ascii_only: bool) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=ascii_only)
    edges = sorted({0, len(arguments), *(cut for cut in cuts if cut < len(arguments))})
    pieces = [arguments[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    assert _read(pieces) == (text, text)
    assert _read(list(arguments)) == (text, text)
    assert text_of(enclosed(text)) == text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"patch": "a"}', "a"),
        ('"a"', "a"),
        ("a patch", "a patch"),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 2}'),
        ("", ""),
    ],
)
def test_arguments_of_another_form_are_told_at_the_end(arguments: str, text: str) -> None:
    assert _read(list(arguments)) == ("", text)


def test_half_a_character_is_replaced_and_what_follows_is_read() -> None:
    told, whole = _read(list('{"input": "a\\ud83dz\\ud83d\\u0041"}'))
    assert told == whole == "a\ufffdz\ufffdA"


def test_what_was_cut_off_is_told_as_far_as_it_came() -> None:
    assert _read(['{"input": "ab']) == ("ab", "ab")


def test_a_grammar_that_nobody_enforces_is_told_in_the_description() -> None:
    form = {"type": "grammar", "syntax": "lark", "definition": 'start: "x"'}
    told = described("Changes files.", form)
    assert told is not None
    assert told.startswith("Changes files.")
    assert 'lark grammar:\nstart: "x"' in told
    assert described(None, {"type": "text"}) is None
    assert free_text_schema(form)["required"] == ["input"]
