from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from adapters.canonical import BuiltinTool, Message, Reasoning, Request, Text, TextDelta, Usage, UsageReport
from adapters.dialects.anthropic.dialect import ANTHROPIC_MESSAGES
from adapters.dialects.responses.dialect import OPENAI_RESPONSES
from adapters.errors import ErrorKind, Inexpressible, InvalidRequest, ProviderError, Truncated
from tests.adapters.dialects.laws import REQUEST, conversation, decoded, free, meaning, streamed

EVENTS = conversation("openai")


def _expected():
    events = list(EVENTS)
    # Its clients demand every count.
    events[-1] = UsageReport(Usage(input=11, output=7, cached=3, cache_write=0, reasoning=2))
    return meaning(events)


def test_a_stream_decodes_to_what_was_encoded():
    assert meaning(decoded(OPENAI_RESPONSES, streamed(OPENAI_RESPONSES, EVENTS), 1 << 20)) == _expected()


def test_a_whole_answer_decodes_to_what_was_encoded():
    body = OPENAI_RESPONSES.encode_answer(EVENTS, REQUEST, free)
    assert meaning(OPENAI_RESPONSES.decode_answer(body)) == _expected()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300))
def test_the_splitting_of_a_stream_does_not_matter(size):
    data = streamed(OPENAI_RESPONSES, EVENTS)
    assert decoded(OPENAI_RESPONSES, data, size) == decoded(OPENAI_RESPONSES, data, 1 << 20)


def test_a_cut_stream_is_no_answer():
    data = streamed(OPENAI_RESPONSES, EVENTS[:6])
    decoder = OPENAI_RESPONSES.stream_decoder()
    decoder.feed(data[: len(data) // 2])
    with pytest.raises(Truncated):
        decoder.close()


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_the_tap_passes_every_byte_and_knows_what_the_decoder_knows(size):
    data = streamed(OPENAI_RESPONSES, EVENTS)
    tap = OPENAI_RESPONSES.tap(stream=True, keep_usage=True, cost_of=free)
    sent = b"".join(tap.feed(data[at : at + size]) for at in range(0, len(data), size)) + tap.close()
    assert sent == data
    assert (tap.content, tap.done, tap.finish) == (True, True, "tool_calls")
    assert tap.usage == _expected()[-1].usage


def test_an_error_within_the_stream_is_raised_after_the_words_before_it():
    encoder = OPENAI_RESPONSES.stream_encoder(REQUEST, free)
    error = ProviderError(ErrorKind.OVERLOADED, "too busy")
    data = encoder.feed(EVENTS[:6]) + encoder.error(error)
    decoder = OPENAI_RESPONSES.stream_decoder()
    assert any(isinstance(event, TextDelta) for event in decoder.feed(data))
    with pytest.raises(ProviderError, match="too busy") as raised:
        decoder.close()
    assert raised.value.kind is ErrorKind.OVERLOADED


def test_an_error_answer_keeps_its_message():
    body = OPENAI_RESPONSES.encode_error(ProviderError(ErrorKind.RATE_LIMIT, "slow down"))
    error = OPENAI_RESPONSES.decode_error(429, {"retry-after": "3"}, body)
    assert (error.kind, error.message, error.retry_after_s) == (ErrorKind.RATE_LIMIT, "slow down", 3.0)


def test_a_request_without_turns_names_the_missing_field():
    with pytest.raises(InvalidRequest) as raised:
        OPENAI_RESPONSES.decode_request({"model": "m", "max_tokens": 5})
    assert raised.value.field is not None


@pytest.mark.parametrize(
    "change", [{"logit_bias": {"1": 2}}, {"tools": (BuiltinTool("other", {"type": "x"}),)}]
)
def test_what_it_has_no_words_for_makes_a_request_inexpressible(change):
    with pytest.raises(Inexpressible):
        OPENAI_RESPONSES.encode_request(Request("m", REQUEST.messages, **change))


def test_thoughts_of_another_vendor_are_not_sent():
    other = "gemini"
    foreign = Message("assistant", (Reasoning("hm", f"{other}:sealed"), Text("hi")))
    body = OPENAI_RESPONSES.encode_request(Request("m", (*REQUEST.messages, foreign, *REQUEST.messages)))
    assert b"sealed" not in orjson.dumps(body)


def test_the_vendors_models_read_stream_and_answer():
    events = TypeAdapter(ResponseStreamEvent)
    lines = streamed(OPENAI_RESPONSES, EVENTS).split(b"\n")
    read = [events.validate_json(line[6:]) for line in lines if line.startswith(b"data: ")]
    assert [event.sequence_number for event in read] == list(range(len(read)))
    assert read[-1].type == "response.completed"
    answer = Response.model_validate_json(OPENAI_RESPONSES.encode_answer(EVENTS, REQUEST, free))
    assert [item.type for item in answer.output] == ["reasoning", "message", "function_call", "function_call"]


def test_the_bill_is_added_to_the_counts():
    data = streamed(OPENAI_RESPONSES, EVENTS)
    tap = OPENAI_RESPONSES.tap(stream=True, keep_usage=True, cost_of=lambda usage: 0.25)
    assert b'"cost":0.25' in tap.feed(data) + tap.close()


def test_a_stored_conversation_can_not_be_told_elsewhere():
    request = OPENAI_RESPONSES.decode_request({"model": "m", "input": "hi", "previous_response_id": "resp_1"})
    assert OPENAI_RESPONSES.encode_request(request)["previous_response_id"] == "resp_1"
    with pytest.raises(Inexpressible, match="previous_response_id"):
        ANTHROPIC_MESSAGES.encode_request(request)


def test_a_call_keeps_both_of_its_ids_among_its_own_kind():
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "now", "arguments": "{}"}
    asked = [{"role": "user", "content": "hi"}, {**call, "status": "completed"}]
    request = OPENAI_RESPONSES.decode_request({"model": "m", "input": asked})
    assert OPENAI_RESPONSES.encode_request(request)["input"] == asked
