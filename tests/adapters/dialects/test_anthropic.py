from __future__ import annotations

import orjson
import pytest
from anthropic.types import Message as Answer
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from adapters.canonical import BuiltinTool, Message, Reasoning, Request, Text, TextDelta
from adapters.dialects.anthropic.dialect import ANTHROPIC_MESSAGES
from adapters.errors import ErrorKind, Inexpressible, InvalidRequest, ProviderError, Truncated
from tests.adapters.dialects.laws import REQUEST, conversation, decoded, free, meaning, streamed

EVENTS = conversation("anthropic")


def _expected():
    return meaning(EVENTS)


def test_a_stream_decodes_to_what_was_encoded():
    assert meaning(decoded(ANTHROPIC_MESSAGES, streamed(ANTHROPIC_MESSAGES, EVENTS), 1 << 20)) == _expected()


def test_a_whole_answer_decodes_to_what_was_encoded():
    body = ANTHROPIC_MESSAGES.encode_answer(EVENTS, REQUEST, free)
    assert meaning(ANTHROPIC_MESSAGES.decode_answer(body)) == _expected()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300))
def test_the_splitting_of_a_stream_does_not_matter(size):
    data = streamed(ANTHROPIC_MESSAGES, EVENTS)
    assert decoded(ANTHROPIC_MESSAGES, data, size) == decoded(ANTHROPIC_MESSAGES, data, 1 << 20)


def test_a_cut_stream_is_no_answer():
    data = streamed(ANTHROPIC_MESSAGES, EVENTS[:6])
    decoder = ANTHROPIC_MESSAGES.stream_decoder()
    decoder.feed(data[: len(data) // 2])
    with pytest.raises(Truncated):
        decoder.close()


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_the_tap_passes_every_byte_and_knows_what_the_decoder_knows(size):
    data = streamed(ANTHROPIC_MESSAGES, EVENTS)
    tap = ANTHROPIC_MESSAGES.tap(stream=True, keep_usage=True, cost_of=free)
    sent = b"".join(tap.feed(data[at : at + size]) for at in range(0, len(data), size)) + tap.close()
    assert sent == data
    assert (tap.content, tap.done, tap.finish) == (True, True, "tool_calls")
    assert tap.usage == _expected()[-1].usage


def test_an_error_within_the_stream_is_raised_after_the_words_before_it():
    encoder = ANTHROPIC_MESSAGES.stream_encoder(REQUEST, free)
    error = ProviderError(ErrorKind.OVERLOADED, "too busy")
    data = encoder.feed(EVENTS[:6]) + encoder.error(error)
    decoder = ANTHROPIC_MESSAGES.stream_decoder()
    assert any(isinstance(event, TextDelta) for event in decoder.feed(data))
    with pytest.raises(ProviderError, match="too busy") as raised:
        decoder.close()
    assert raised.value.kind is ErrorKind.OVERLOADED


def test_an_error_answer_keeps_its_message():
    body = ANTHROPIC_MESSAGES.encode_error(ProviderError(ErrorKind.RATE_LIMIT, "slow down"))
    error = ANTHROPIC_MESSAGES.decode_error(429, {"retry-after": "3"}, body)
    assert (error.kind, error.message, error.retry_after_s) == (ErrorKind.RATE_LIMIT, "slow down", 3.0)


def test_a_request_without_turns_names_the_missing_field():
    with pytest.raises(InvalidRequest) as raised:
        ANTHROPIC_MESSAGES.decode_request({"model": "m", "max_tokens": 5})
    assert raised.value.field is not None


@pytest.mark.parametrize(
    "change", [{"logit_bias": {"1": 2}}, {"tools": (BuiltinTool("other", {"type": "x"}),)}]
)
def test_what_it_has_no_words_for_makes_a_request_inexpressible(change):
    with pytest.raises(Inexpressible):
        ANTHROPIC_MESSAGES.encode_request(Request("m", REQUEST.messages, **change))


def test_thoughts_of_another_vendor_are_not_sent():
    other = "gemini"
    foreign = Message("assistant", (Reasoning("hm", f"{other}:sealed"), Text("hi")))
    body = ANTHROPIC_MESSAGES.encode_request(Request("m", (*REQUEST.messages, foreign, *REQUEST.messages)))
    assert b"sealed" not in orjson.dumps(body)


def test_the_vendors_models_read_stream_and_answer():
    events = TypeAdapter(RawMessageStreamEvent)
    lines = streamed(ANTHROPIC_MESSAGES, EVENTS).split(b"\n")
    read = [events.validate_json(line[6:]) for line in lines if line.startswith(b"data: ")]
    assert read[-1].type == "message_stop"
    answer = Answer.model_validate_json(ANTHROPIC_MESSAGES.encode_answer(EVENTS, REQUEST, free))
    assert [block.type for block in answer.content] == ["thinking", "text", "tool_use", "tool_use"]


def test_the_bill_is_added_to_the_counts():
    data = streamed(ANTHROPIC_MESSAGES, EVENTS)
    tap = ANTHROPIC_MESSAGES.tap(stream=True, keep_usage=True, cost_of=lambda usage: 0.25)
    assert b'"cost":0.25' in tap.feed(data) + tap.close()


def test_cached_tokens_are_part_of_the_canonical_input_only():
    raw = orjson.loads(ANTHROPIC_MESSAGES.encode_answer(EVENTS, REQUEST, free))
    assert raw["usage"]["input_tokens"] == 8
    assert raw["usage"]["cache_read_input_tokens"] == 3


def test_results_of_parallel_calls_become_one_user_turn_and_come_apart_again():
    body = {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                    {"type": "text", "text": "go on", "cache_control": {"type": "ephemeral"}},
                ],
            },
        ],
    }
    request = ANTHROPIC_MESSAGES.decode_request(body)
    assert [message.role for message in request.messages] == ["user", "assistant", "tool", "user"]
    assert ANTHROPIC_MESSAGES.encode_request(request) == body
