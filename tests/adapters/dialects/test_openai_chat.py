from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from adapters.canonical import (
    BuiltinTool,
    Finish,
    LogProbs,
    Media,
    MediaDelta,
    Message,
    Reasoning,
    ReasoningDelta,
    Request,
    Start,
    Text,
    TextDelta,
    Thinking,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
    Usage,
    UsageReport,
    merge,
)
from adapters.dialects.openai_chat.dialect import OPENAI_CHAT
from adapters.errors import ErrorKind, Inexpressible, InvalidRequest, ProviderError, Truncated

ASK = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def free(usage: Usage) -> float | None:
    return None


def decoded(*pieces: bytes):
    decoder = OPENAI_CHAT.stream_decoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


# --- requests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"messages": "hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "king", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": ["a"]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "smell"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
         "messages[0].content[0].image_url.url"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "function": {}}]}]},
         "messages[0].tool_calls[0].function.name"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
        ({"n": 0}, "n"),
        ({"n": True}, "n"),
        ({"stop": [1]}, "stop[0]"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": {}}, "tools"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"logit_bias": []}, "logit_bias"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"reasoning": {"max_tokens": -1}}, "reasoning.max_tokens"),
    ],
)  # fmt: skip
def test_a_request_that_is_wrong_names_the_field(change, field):
    with pytest.raises(InvalidRequest) as caught:
        OPENAI_CHAT.decode_request(ASK | change)
    assert caught.value.field == field
    assert field in caught.value.message


def test_null_means_not_said():
    nulls = dict.fromkeys(
        ["temperature", "tools", "stop", "tool_choice", "response_format", "n", "stream_options"]
    )
    assert OPENAI_CHAT.decode_request(ASK | nulls) == OPENAI_CHAT.decode_request(ASK)


def test_old_function_calls_are_tool_calls():
    body = ASK | {
        "functions": [{"name": "f"}],
        "function_call": {"name": "f"},
        "messages": [
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "4"},
        ],
    }
    again = OPENAI_CHAT.encode_request(OPENAI_CHAT.decode_request(body))
    assert again["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert again["messages"][0]["tool_calls"][0]["id"] == again["messages"][1]["tool_call_id"]


@pytest.mark.parametrize(
    ("said", "thinking"),
    [
        ({"reasoning_effort": "low"}, Thinking(effort="low")),
        ({"reasoning_effort": "none"}, Thinking(enabled=False)),
        ({"reasoning": {"max_tokens": 100}}, Thinking(budget_tokens=100)),
        ({"reasoning": {"effort": "high", "summary": "auto"}}, Thinking(effort="high", summary="auto")),
        ({"thinking": {"type": "disabled"}}, Thinking(enabled=False)),
        ({"enable_thinking": True, "thinking_budget": 5}, Thinking(budget_tokens=5)),
    ],
)
def test_every_vendors_word_for_thinking_is_understood(said, thinking):
    assert OPENAI_CHAT.decode_request(ASK | said).thinking == thinking


@pytest.mark.parametrize(("budget", "effort"), [(500, "low"), (5000, "medium"), (50_000, "high")])
def test_a_budget_becomes_an_effort(budget, effort):
    request = Request("m", (Message("user", (Text("a"),)),), thinking=Thinking(budget_tokens=budget))
    assert OPENAI_CHAT.encode_request(request)["reasoning_effort"] == effort


def test_results_in_a_user_turn_become_tool_messages_before_it():
    image = Media("image", data="aGk=", media_type="image/png")
    parts = (ToolResult("c1", (Text("broken"),), is_error=True), ToolResult("c2", (image,)), Text("and now?"))
    messages = OPENAI_CHAT.encode_request(Request("m", (Message("user", parts),)))["messages"]
    assert [message["role"] for message in messages] == ["tool", "tool", "user"]
    assert "Error" in str(messages[0]["content"])
    assert [part["type"] for part in messages[2]["content"]] == ["text", "image_url", "text"]


@pytest.mark.parametrize(
    "change",
    [
        {"tools": (BuiltinTool("anthropic_messages", {"type": "web_search"}),)},
        {"extras": {"container": "c"}, "dialect": "anthropic_messages"},
        {"messages": (Message("user", (Media("image", file_id="f"),)),)},
        {"messages": (Message("user", (Media("audio", url="https://host/a"),)),)},
    ],
)
def test_what_has_no_words_here_is_refused_and_not_dropped(change):
    request = replace(OPENAI_CHAT.decode_request(ASK), **change)
    with pytest.raises(Inexpressible):
        OPENAI_CHAT.encode_request(request)


def test_a_signature_of_another_vendor_is_not_sent():
    thought = Reasoning("why", "anthropic:xyz")
    body = OPENAI_CHAT.encode_request(Request("m", (Message("assistant", (thought, Text("a"))),)))
    assert body["messages"][0] == {"role": "assistant", "content": "a", "reasoning_content": "why"}


# --- answers ------------------------------------------------------------------------------------------


def stream(*objects) -> bytes:
    return b"".join(b"data: " + orjson.dumps(obj) + b"\n\n" for obj in objects)


def delta(finish=None, **fields):
    return {"id": "1", "model": "m", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def calls(*entries):
    return delta(tool_calls=list(entries))


DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    "chunks",
    [
        # by index, as documented
        [calls({"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}),
         calls({"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}}),
         calls({"index": 0, "function": {"arguments": "{}"}}, {"index": 1, "function": {"arguments": "[]"}})],
        # no index at all
        [calls({"id": "a", "function": {"name": "f", "arguments": "{}"}}, {"id": "b", "function": {"name": "g", "arguments": "[]"}})],
        # every call has index 0 and its own id
        [calls({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}),
         calls({"index": 0, "id": "b", "function": {"name": "g", "arguments": "[]"}})],
        # the name comes after the id, and is repeated
        [calls({"index": 0, "id": "a", "function": {"arguments": "{"}}),
         calls({"index": 0, "id": "a", "function": {"name": "f", "arguments": "}"}}),
         calls({"index": 1, "id": "b", "function": {"name": "g", "arguments": "["}}),
         calls({"index": 1, "id": "b", "function": {"name": "g", "arguments": "]"}})],
        # arguments as an object
        [calls({"index": 0, "id": "a", "function": {"name": "f", "arguments": {}}}),
         calls({"index": 1, "id": "b", "function": {"name": "g", "arguments": "[]"}})],
    ],
)  # fmt: skip
def test_parallel_calls_are_told_apart_however_a_server_numbers_them(chunks):
    events = decoded(stream(*chunks, delta("tool_calls")) + DONE)
    starts = [event for event in events if isinstance(event, ToolCallStart)]
    assert [(call.index, call.id, call.name) for call in starts] == [(0, "a", "f"), (1, "b", "g")]
    texts = {0: "", 1: ""}
    for event in events:
        if isinstance(event, ToolCallDelta):
            texts[event.index] += event.arguments
    assert texts == {0: "{}", 1: "[]"}


def test_usage_comes_once_and_last_whether_on_a_chunk_with_choices_or_alone():
    on_every = [delta(content="a") | {"usage": {"prompt_tokens": 1, "completion_tokens": n}} for n in (1, 2)]
    events = decoded(stream(*on_every, delta("stop")) + DONE)
    assert [event for event in events if isinstance(event, UsageReport)] == [events[-1]]
    assert events[-1] == UsageReport(Usage(input=1, output=2))


def test_an_explicit_zero_is_not_nothing():
    said = {"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}
    body = orjson.dumps(
        {
            "choices": [said],
            "usage": {"prompt_tokens": 0, "completion_tokens": 0, "prompt_cache_hit_tokens": 0},
        }
    )
    assert OPENAI_CHAT.decode_answer(body)[-1] == UsageReport(Usage(input=0, output=0, cached=0))


def test_thinking_of_every_vendor_is_reasoning():
    said = [
        delta(reasoning_content="a"),
        delta(reasoning="b", reasoning_details=[{"type": "reasoning.text", "text": "b"}]),
        delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "c"}]}]),
        delta(reasoning_details=[{"type": "reasoning.text", "signature": "s"}]),
        delta(reasoning_details=[{"type": "reasoning.encrypted", "data": "x", "id": "r1"}]),
    ]
    events = merge(decoded(stream(*said, delta("stop")) + DONE))
    assert events[1:-1] == [ReasoningDelta("abc", "s"), ReasoningDelta(redacted="x", id="r1")]


def test_media_are_read():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    said = [delta(images=[image]), delta(audio={"id": "au", "data": "QQ==", "transcript": "a"})]
    events = decoded(stream(*said, delta("stop")) + DONE)
    assert events[1:3] == [
        MediaDelta("image", "aGk=", "image/png"),
        MediaDelta("audio", "QQ==", None, "a", "au"),
    ]


def test_an_empty_first_chunk_does_not_begin_the_answer():
    azure = {"id": "", "model": "", "choices": [], "prompt_filter_results": []}
    assert decoded(stream(azure, delta(content="a"), delta("stop")) + DONE)[0] == Start("1", "m")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("model_length", "length"),
    ],
)
def test_every_vendors_word_for_the_end_is_known(word, reason):
    assert Finish(reason, word) in decoded(stream(delta(word)) + DONE)


def test_a_stream_done_without_a_word_about_its_end_ended_well():
    said = stream(calls({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}})) + DONE
    assert decoded(said)[-1] == Finish("tool_calls")


def test_a_stream_that_breaks_off_is_truncated():
    decoder = OPENAI_CHAT.stream_decoder()
    decoder.feed(stream(delta(content="a")) + stream(delta(content="b"))[:-9])
    with pytest.raises(Truncated):
        decoder.close()


def test_good_events_before_an_error_in_one_read_are_not_lost():
    decoder = OPENAI_CHAT.stream_decoder()
    events = decoder.feed(stream(delta(content="a"), {"error": {"message": "no", "code": 429}}))
    assert TextDelta("a") in events
    with pytest.raises(ProviderError) as caught:
        decoder.feed(b"")
    assert caught.value.kind is ErrorKind.RATE_LIMIT


def test_an_error_under_status_200_is_an_error():
    with pytest.raises(ProviderError):
        OPENAI_CHAT.decode_answer(b'{"error":{"message":"no"}}')


def test_the_stream_tells_cost_and_error_in_openrouters_words():
    request = replace(OPENAI_CHAT.decode_request(ASK), stream=True, include_usage=True)
    encoder = OPENAI_CHAT.stream_encoder(request, lambda usage: 0.25)
    wire = encoder.feed(
        [Start("1", "m", 5), TextDelta("a"), Finish("stop"), UsageReport(Usage(input=1, output=2))]
    )
    last = orjson.loads(wire.split(b"\n\n")[-2][6:])
    assert last["usage"]["cost"] == 0.25
    failed = orjson.loads(encoder.error(ProviderError(ErrorKind.OVERLOADED, "busy"))[6:])
    assert failed["error"]["code"] == 503
    assert failed["choices"][0]["finish_reason"] == "error"
    assert (failed["id"], failed["created"]) == ("1", 5)


def test_no_usage_chunk_for_a_client_that_did_not_ask():
    encoder = OPENAI_CHAT.stream_encoder(OPENAI_CHAT.decode_request(ASK | {"stream": True}), free)
    assert encoder.feed([UsageReport(Usage(input=1, output=2))]) == b""


def test_logprobs_stand_on_the_chunk_of_their_text():
    encoder = OPENAI_CHAT.stream_encoder(OPENAI_CHAT.decode_request(ASK | {"stream": True}), free)
    wire = encoder.feed([Start("1"), TextDelta("a"), LogProbs(({"token": "a"},))])
    chunks = [orjson.loads(event[6:]) for event in wire.split(b"\n\n") if event]
    assert chunks[-1]["choices"][0]["delta"] == {"content": "a"}
    assert chunks[-1]["choices"][0]["logprobs"]["content"] == [{"token": "a"}]
