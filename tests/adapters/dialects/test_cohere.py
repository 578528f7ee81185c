from __future__ import annotations

import orjson
import pytest

from adapters.canonical import (
    Finish,
    Media,
    Message,
    OutputFormat,
    Reasoning,
    ReasoningDelta,
    Request,
    Start,
    Text,
    TextDelta,
    Thinking,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolChoice,
    ToolResult,
    Usage,
    UsageReport,
    merge,
)
from adapters.dialects.cohere.dialect import COHERE
from adapters.errors import ErrorKind, Inexpressible, ProviderError, Truncated

REQUEST = Request(
    "command-a",
    (
        Message("system", (Text("be brief"),)),
        Message("user", (Text("look"), Media("image", data="aGk=", media_type="image/png"))),
        Message("assistant", (Reasoning("I will look"), ToolCall("c1", "f", '{"a":1}'))),
        Message("tool", (ToolResult("c1", (Text("4"),)),)),
    ),
    tools=(Tool("f", "does", {"type": "object"}),),
    tool_choice=ToolChoice("required"),
    max_tokens=9,
    temperature=0.5,
    top_p=0.9,
    top_k=4,
    stop=("x",),
    seed=1,
    output_format=OutputFormat("json_schema", "answer", {"type": "object"}),
    thinking=Thinking(budget_tokens=100),
    include_usage=True,
    extras={"safety_mode": "OFF"},
    dialect="cohere",
)
EVENTS = [
    Start("1"),
    ReasoningDelta("hm"),
    TextDelta("a"),
    ToolCallStart(0, "c1", "f"),
    ToolCallDelta(0, "{}"),
    Finish("tool_calls", "TOOL_CALL"),
    UsageReport(Usage(input=3, output=4)),
]


def unpriced(usage: Usage) -> None:
    return None


def wire_of(events) -> bytes:
    encoder = COHERE.stream_encoder(REQUEST, unpriced)
    return encoder.feed(events) + encoder.close()


def decoded(*pieces: bytes):
    decoder = COHERE.stream_decoder()
    return merge([event for piece in pieces for event in decoder.feed(piece)] + decoder.close())


def test_a_request_survives_being_encoded_and_decoded():
    body = COHERE.encode_request(REQUEST)
    assert (body["p"], body["k"], body["stop_sequences"], body["tool_choice"]) == (0.9, 4, ["x"], "REQUIRED")
    assert body["messages"][2]["tool_plan"] == "I will look"
    assert COHERE.decode_request(body) == REQUEST


def test_an_answer_survives_whole_and_streamed_however_it_is_cut():
    wire = wire_of(EVENTS)
    assert decoded(wire) == EVENTS
    assert decoded(*[wire[i : i + 1] for i in range(len(wire))]) == EVENTS
    # A whole answer has no order between thinking and text beyond that of its parts.
    assert merge(COHERE.decode_answer(COHERE.encode_answer(EVENTS, REQUEST, unpriced))) == EVENTS


@pytest.mark.parametrize(
    "change", [{"n": 2}, {"logit_bias": {"1": 2}}, {"parallel_tool_calls": False, "tools": (Tool("f"),)}]
)
def test_what_has_no_words_here_is_refused(change):
    with pytest.raises(Inexpressible):
        COHERE.encode_request(Request("m", (Message("user", (Text("a"),)),), **change))


def test_one_tool_by_name_is_the_only_one_offered():
    tools = (Tool("f"), Tool("g"))
    request = Request("m", (Message("user", (Text("a"),)),), tools=tools, tool_choice=ToolChoice("one", "g"))
    body = COHERE.encode_request(request)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == "REQUIRED"


def test_a_stream_without_its_last_message_is_truncated():
    with pytest.raises(Truncated):
        decoded(wire_of(EVENTS[:3])[:-10])


def test_a_failure_in_the_stream_is_an_error():
    bad = b'data: {"type":"message-end","delta":{"finish_reason":"ERROR","error":"out of memory"}}\n\n'
    with pytest.raises(ProviderError):
        decoded(bad)
    tap = COHERE.tap(stream=True, keep_usage=True, cost_of=unpriced)
    with pytest.raises(ProviderError):
        tap.feed(bad)


def test_the_tap_learns_what_the_decoder_does_and_adds_the_cost():
    wire = wire_of(EVENTS)
    tap = COHERE.tap(stream=True, keep_usage=True, cost_of=lambda usage: 0.5)
    out = b"".join(tap.feed(wire[i : i + 1]) for i in range(len(wire))) + tap.close()
    assert (tap.id, tap.usage, tap.finish, tap.content, tap.done) == (
        "1",
        Usage(input=3, output=4),
        "tool_calls",
        True,
        True,
    )
    last = orjson.loads(out.strip().rsplit(b"data: ", 1)[1])
    assert last["delta"]["usage"]["cost"] == 0.5


def test_an_error_body_is_read():
    error = COHERE.decode_error(429, {"retry-after": "2"}, b'{"message":"trial key limit"}')
    assert (error.kind, error.message, error.retry_after_s) == (ErrorKind.RATE_LIMIT, "trial key limit", 2.0)
