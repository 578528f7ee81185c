"""Whatever text an upstream sends stays text: of any answer through any two dialects, every event parses, and there
are as many as of the same answer in plain words.
"""

from __future__ import annotations

import itertools
import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.canonical import (
    Event,
    Finish,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
    merge,
)
from adapters.dialect import Dialect
from adapters.dialects import by_name
from adapters.dialects.bedrock.frames import FrameReader, frame
from adapters.errors import ErrorKind, ProviderError
from adapters.sse import SseSplitter
from tests.adapters.dialects.laws import REQUEST, free

NAMES = ["openai_chat", "openai_responses", "anthropic_messages", "gemini", "cohere", "bedrock"]
PAIRS = list(itertools.product(NAMES, NAMES))
HALF = "\ud83d"

hostile = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            'x"}\n\nevent: response.completed\ndata: {"type":"response.completed"}\n\ndata: {"a":"',
            "data: [DONE]\n\n",
            "a\r\nX-Evil: 1\r\n\r\n",
            "\u2028\u2029\x85\x00\x1b[2J",
            '\\",\\u0000"}],"error":{"message":"x"}',
            "%s%b%(x)s{}",
        ]
    ),
).filter(bool)


def answer(text: str, name: str) -> list[Event]:
    return [
        Start(name, name),
        ReasoningDelta(text),
        TextDelta(text),
        ToolCallStart(0, f"call_{name}", name),
        ToolCallDelta(0, orjson.dumps({"a": text}).decode()),
        Finish("tool_calls"),
        UsageReport(Usage(3, 2)),
    ]


def written(dialect: Dialect, events: list[Event]) -> bytes:
    encoder = dialect.stream_encoder(REQUEST, free)
    return encoder.feed(events) + encoder.close()


def read(dialect: Dialect, data: bytes) -> list[tuple[str, object]]:
    """Returns the events of a stream, read as the framing says and by nothing of the dialect's own decoder."""
    if dialect.name == "bedrock":
        return [(f"{kind} {name}", orjson.loads(payload)) for kind, name, payload in FrameReader().feed(data)]
    splitter = SseSplitter()
    pieces = splitter.feed(data)
    assert splitter.close() == []
    return [(name, payload if payload == b"[DONE]" else orjson.loads(payload)) for name, payload in pieces]


def through(source: Dialect, target: Dialect, events: list[Event]) -> bytes:
    decoder = source.stream_decoder()
    decoded = decoder.feed(written(source, events))
    return written(target, merge(decoded + decoder.close()))


@pytest.mark.parametrize(("source", "target"), PAIRS)
@settings(max_examples=25)
@given(text=hostile, name=hostile)
def test_no_text_forges_an_event(source, target, text, name):
    ways = by_name(source), by_name(target)
    plain = read(ways[1], through(*ways, answer("text", "name")))
    got = read(ways[1], through(*ways, answer(text, name)))
    assert [kind for kind, _ in got] == [kind for kind, _ in plain]
    assert [sorted(event) if isinstance(event, dict) else event for _, event in got] == [
        sorted(event) if isinstance(event, dict) else event for _, event in plain
    ]


@pytest.mark.parametrize(("source", "target"), PAIRS)
@settings(max_examples=10)
@given(text=hostile, name=hostile)
def test_no_text_breaks_a_whole_answer(source, target, text, name):
    def keys(*said: str) -> list[str]:
        whole = by_name(source).encode_answer(answer(*said), REQUEST, free)
        return sorted(
            orjson.loads(by_name(target).encode_answer(by_name(source).decode_answer(whole), REQUEST, free))
        )

    assert keys(text, name) == keys("text", "name")


@pytest.mark.parametrize("name", [*NAMES, "openai_completions"])
@given(message=hostile)
def test_no_message_of_an_error_forges_an_event(name, message):
    encoder = by_name(name).stream_encoder(REQUEST, free)
    begun = encoder.feed([Start("i", "m"), TextDelta("x")])
    plain = read(by_name(name), begun + encoder.error(ProviderError(ErrorKind.UPSTREAM, "said")))
    encoder = by_name(name).stream_encoder(REQUEST, free)
    begun = encoder.feed([Start("i", "m"), TextDelta("x")])
    got = read(by_name(name), begun + encoder.error(ProviderError(ErrorKind.UPSTREAM, message)))
    assert [kind for kind, _ in got] == [kind for kind, _ in plain]


@pytest.mark.parametrize("name", [*NAMES, "openai_completions"])
@pytest.mark.parametrize("as_bytes", [False, True], ids=["escape", "bytes"])
def test_half_a_character_anywhere_in_a_whole_answer_is_replaced(name, as_bytes):
    dialect = by_name(name)
    said = answer("HALF", "HALF")
    if name == "openai_completions":  # which has no tools
        said = [event for event in said if not isinstance(event, ToolCallDelta | ToolCallStart)]
    body = dialect.encode_answer(said, REQUEST, free)
    raw = body.replace(b"HALF", HALF.encode("utf-8", "surrogatepass") if as_bytes else rb"\ud83d")
    events = dialect.decode_answer(raw)
    assert events == dialect.decode_answer(body.replace(b"HALF", "\ufffd".encode()))
    for target in NAMES:
        orjson.loads(by_name(target).encode_answer(events, REQUEST, free))


@pytest.mark.parametrize("name", [n for n in NAMES if n != "bedrock"])
@given(cut=st.integers(1, 200))
def test_an_emoji_in_two_deltas_arrives_however_the_bytes_are_cut(name, cut):
    dialect = by_name(name)
    data = written(dialect, [Start("i", "m"), TextDelta("UPPER"), TextDelta("LOWER"), Finish("stop")])
    data = data.replace(b"UPPER", rb"a\ud83d").replace(b"LOWER", rb"\ude00b")
    decoder = dialect.stream_decoder()
    events: list[Event] = []
    for at in range(0, len(data), cut):
        events += decoder.feed(data[at : at + cut])
    events += decoder.close()
    joined = decoder.halves.joined(events) + decoder.halves.rest()
    said = "".join(event.text for event in joined if isinstance(event, TextDelta))
    assert said == "a😀b"


def test_an_emoji_in_two_frames_arrives():
    decoder = by_name("bedrock").stream_decoder()
    deltas = [
        json.dumps({"contentBlockIndex": 0, "delta": {"text": text}}) for text in ("a\ud83d", "\ude00b")
    ]
    events = decoder.feed(b"".join(frame("contentBlockDelta", delta.encode()) for delta in deltas))
    assert merge(decoder.halves.joined(events)) == [TextDelta("a😀b")]
