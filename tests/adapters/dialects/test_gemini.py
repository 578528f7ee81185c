from __future__ import annotations

import orjson
import pytest
from google.genai.types import Content, GenerateContentResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.canonical import BuiltinTool, Message, Reasoning, Request, Text, TextDelta
from adapters.dialects.gemini.dialect import GEMINI
from adapters.errors import ErrorKind, Inexpressible, InvalidRequest, ProviderError, Truncated
from tests.adapters.dialects.laws import REQUEST, conversation, decoded, free, meaning, streamed

EVENTS = conversation("gemini")


def _expected():
    return meaning(EVENTS)


def test_a_stream_decodes_to_what_was_encoded():
    assert meaning(decoded(GEMINI, streamed(GEMINI, EVENTS), 1 << 20)) == _expected()


def test_a_whole_answer_decodes_to_what_was_encoded():
    body = GEMINI.encode_answer(EVENTS, REQUEST, free)
    assert meaning(GEMINI.decode_answer(body)) == _expected()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300))
def test_the_splitting_of_a_stream_does_not_matter(size):
    data = streamed(GEMINI, EVENTS)
    assert decoded(GEMINI, data, size) == decoded(GEMINI, data, 1 << 20)


def test_a_cut_stream_is_no_answer():
    data = streamed(GEMINI, EVENTS[:6])
    decoder = GEMINI.stream_decoder()
    decoder.feed(data[: len(data) // 2])
    with pytest.raises(Truncated):
        decoder.close()


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_the_tap_passes_every_byte_and_knows_what_the_decoder_knows(size):
    data = streamed(GEMINI, EVENTS)
    tap = GEMINI.tap(stream=True, keep_usage=True, cost_of=free)
    sent = b"".join(tap.feed(data[at : at + size]) for at in range(0, len(data), size)) + tap.close()
    assert sent == data
    assert (tap.content, tap.done, tap.finish) == (True, False, "tool_calls")  # an end mark there is none
    assert tap.usage == _expected()[-1].usage


def test_an_error_within_the_stream_is_raised_after_the_words_before_it():
    encoder = GEMINI.stream_encoder(REQUEST, free)
    error = ProviderError(ErrorKind.OVERLOADED, "too busy")
    data = encoder.feed(EVENTS[:6]) + encoder.error(error)
    decoder = GEMINI.stream_decoder()
    assert any(isinstance(event, TextDelta) for event in decoder.feed(data))
    with pytest.raises(ProviderError, match="too busy") as raised:
        decoder.close()
    assert raised.value.kind is ErrorKind.OVERLOADED


def test_an_error_answer_keeps_its_message():
    body = GEMINI.encode_error(ProviderError(ErrorKind.RATE_LIMIT, "slow down"))
    error = GEMINI.decode_error(429, {"retry-after": "3"}, body)
    assert (error.kind, error.message, error.retry_after_s) == (ErrorKind.RATE_LIMIT, "slow down", 3.0)


def test_a_request_without_turns_names_the_missing_field():
    with pytest.raises(InvalidRequest) as raised:
        GEMINI.decode_request({"model": "m", "max_tokens": 5})
    assert raised.value.field is not None


@pytest.mark.parametrize(
    "change", [{"logit_bias": {"1": 2}}, {"tools": (BuiltinTool("other", {"type": "x"}),)}]
)
def test_what_it_has_no_words_for_makes_a_request_inexpressible(change):
    with pytest.raises(Inexpressible):
        GEMINI.encode_request(Request("m", REQUEST.messages, **change))


def test_thoughts_of_another_vendor_are_not_sent():
    other = "anthropic"
    foreign = Message("assistant", (Reasoning("hm", f"{other}:sealed"), Text("hi")))
    body = GEMINI.encode_request(Request("m", (*REQUEST.messages, foreign, *REQUEST.messages)))
    assert b"sealed" not in orjson.dumps(body)


def test_the_vendors_models_read_answer_and_request():
    answer = GenerateContentResponse.model_validate_json(GEMINI.encode_answer(EVENTS, REQUEST, free))
    assert [call.name for call in answer.function_calls or []] == ["add", "now"]
    for content in GEMINI.encode_request(REQUEST)["contents"]:
        Content.model_validate(content)


def test_thoughts_are_counted_beside_the_candidates_on_the_wire_only():
    usage = orjson.loads(GEMINI.encode_answer(EVENTS, REQUEST, free))["usageMetadata"]
    assert (usage["candidatesTokenCount"], usage["thoughtsTokenCount"]) == (5, 2)
