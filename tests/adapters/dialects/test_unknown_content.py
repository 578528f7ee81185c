"""What a dialect gains after this was written: kept for its own vendor, never a complaint to the client."""

from __future__ import annotations

import orjson
import pytest

from adapters.canonical import Message, Opaque, Request, Text, ToolResult, UsageReport
from adapters.dialects import by_name
from adapters.errors import Inexpressible


def _kept(dialect: str, body: dict) -> None:
    wire = by_name(dialect)
    request = wire.decode_request(body)
    assert any(isinstance(part, Opaque) for message in request.messages for part in message.parts)
    again = wire.encode_request(request)
    assert wire.decode_request({**body, **again}).messages == request.messages
    other = "gemini" if dialect != "gemini" else "anthropic_messages"
    with pytest.raises(Inexpressible):
        by_name(other).encode_request(request)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_addition", "tool": {"name": "a"}},
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": [{"type": "of_the_next_beta", "x": 1}],
        },
        {"type": "of_the_next_beta", "x": 1},
    ],
)
def test_unknown_blocks_of_anthropic_are_kept(block: dict) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "a"}, block]}]
    _kept("anthropic_messages", {"model": "m", "max_tokens": 5, "messages": messages})


@pytest.mark.parametrize(
    "part",
    [
        {"toolCall": {"id": "1", "toolType": "GOOGLE_SEARCH"}},
        {"functionResponse": {"name": "f", "response": {}, "willContinue": True}},
    ],
)
def test_unknown_parts_of_gemini_are_kept(part: dict) -> None:
    _kept("gemini", {"model": "m", "contents": [{"role": "user", "parts": [{"text": "a"}, part]}]})


@pytest.mark.parametrize(
    "block",
    [
        {"toolUse": {"toolUseId": "1", "name": "n", "input": {}, "type": "server_tool_use"}},
        {
            "toolResult": {
                "toolUseId": "1",
                "content": [{"image": {"format": "png", "source": {"s3Location": {}}}}],
            }
        },
        {"new": {}},
    ],
)
def test_unknown_blocks_of_bedrock_are_kept(block: dict) -> None:
    _kept("bedrock", {"model": "m", "messages": [{"role": "user", "content": [{"text": "a"}, block]}]})


@pytest.mark.parametrize(
    "said", ['{"temperature":21}', '{"output":"a"}', '{"error":"a"}', '{"output":[1]}', "{}", "{", "[1]"]
)
def test_a_result_that_is_an_object_is_one_for_gemini(said: str) -> None:
    results = Message("tool", (ToolResult("f", (Text(said),), name="f"),))
    wire = by_name("gemini")
    body = wire.encode_request(Request("gemini-2.5-flash", (results,), dialect="gemini"))
    [message] = wire.decode_request({"model": "m", **body}).messages
    assert message.parts[0].content == (Text(said),)
    if said == '{"temperature":21}':
        assert body["contents"][0]["parts"][0]["functionResponse"]["response"] == {"temperature": 21}


def test_what_responses_says_of_reasoning_beyond_effort_goes_back_to_it() -> None:
    wire = by_name("openai_responses")
    body = {"model": "m", "input": "a", "reasoning": {"effort": "low", "context": "all_turns"}}
    request = wire.decode_request(body)
    assert wire.encode_request(request)["reasoning"] == body["reasoning"]
    with pytest.raises(Inexpressible):
        by_name("openai_chat").encode_request(request)


def test_tokens_spent_on_compaction_are_counted() -> None:
    usage = {
        "input_tokens": 181,
        "output_tokens": 8,
        "cache_read_input_tokens": 0,
        "iterations": [
            {
                "type": "compaction",
                "input_tokens": 100,
                "output_tokens": 83,
                "cache_read_input_tokens": 55096,
            },
            {"type": "message", "input_tokens": 181, "output_tokens": 8, "cache_read_input_tokens": 0},
        ],
    }
    body = orjson.dumps({"id": "m", "model": "m", "content": [], "stop_reason": "end_turn", "usage": usage})
    events = by_name("anthropic_messages").decode_answer(body)
    [report] = [event for event in events if isinstance(event, UsageReport)]
    assert (report.usage.input, report.usage.output, report.usage.cached) == (181 + 100 + 55096, 91, 55096)
