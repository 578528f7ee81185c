"""A character whose halves come in two deltas of a stream arrives whole; a half that stays alone is U+FFFD."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.canonical import (
    Finish,
    LogProbs,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    merge,
)
from adapters.errors import ErrorKind, ProviderError
from adapters.halves import Halves

KINDS = {
    "text": TextDelta,
    "thought": ReasoningDelta,
    "refusal": RefusalDelta,
    "arguments": lambda text: ToolCallDelta(0, text),
}


def read(halves: Halves, text: str) -> str:
    """Returns `text` as a stream's event brings it."""
    return halves.loads(json.dumps(text).encode())


def said(events) -> str:
    return "".join(getattr(event, "text", None) or getattr(event, "arguments", "") for event in events)


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(st.sampled_from(["\ud83d", "\ude00", "a", "😀", "\ud801", "\udc37"]), max_size=8), st.data())
def test_any_text_split_anywhere_arrives_as_if_it_had_come_in_one(kind, units, data):
    text = "".join(units)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    split = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    halves = Halves()
    deltas = [KINDS[kind](read(halves, piece)) for piece in split]
    events = halves.joined(deltas) + halves.rest() if halves.seen else deltas
    assert said(events) == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_each_choice_waits_for_its_own_half():
    halves = Halves()
    upper, lower = read(halves, "\ud83d"), read(halves, "\ude00")
    events = [TextDelta(upper, 0), TextDelta(upper, 1), TextDelta(lower, 0), TextDelta("b", 1)]
    assert halves.joined(events) == [TextDelta("😀", 0), TextDelta("\ufffdb", 1)]


def test_a_half_is_let_go_before_what_ends_its_block():
    halves = Halves()
    upper = read(halves, "a\ud83d")
    events = halves.joined([TextDelta(upper), LogProbs(()), ToolCallStart(0, "i", "f"), Finish("stop")])
    assert merge(events) == [
        TextDelta("a"),
        LogProbs(()),
        TextDelta("\ufffd"),
        ToolCallStart(0, "i", "f"),
        Finish("stop"),
    ]


def test_names_ids_and_signatures_are_whole_too():
    halves = Halves()
    upper = read(halves, "x\ud83d")
    [start, thought, call, odds] = halves.joined(
        [
            Start(upper, upper),
            ReasoningDelta(upper, signature="s"),
            ToolCallStart(0, upper, upper),
            LogProbs(({"token": upper},)),
        ]
    )
    assert start == Start("x\ufffd", "x\ufffd")
    assert thought == ReasoningDelta("x\ufffd", signature="s")
    assert call == ToolCallStart(0, "x\ufffd", "x\ufffd")
    assert odds == LogProbs(({"token": "x\ufffd"},))
    orjson.dumps([start.id, thought.text, call.name])


def test_what_an_error_of_the_stream_says_is_whole():
    halves = Halves()
    error = ProviderError(ErrorKind.UPSTREAM, read(halves, "no \ud83d"), code=read(halves, "\ude00"))
    halves.tell(error)
    assert (error.message, error.code) == ("no \ufffd", "\ufffd")


def test_ordinary_events_are_not_looked_at():
    halves = Halves()
    assert halves.loads(rb'"\ud83d\ude00"') == "😀"
    assert not halves.seen
