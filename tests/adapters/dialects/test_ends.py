"""What follows the end mark of a stream is no part of the answer, in the same read or in any other."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.canonical import merge
from adapters.dialects import by_name
from tests.adapters.dialects.laws import REQUEST, conversation, free

NAMES = ["openai_chat", "openai_responses", "anthropic_messages", "cohere", "bedrock"]
VENDORS = {"openai_responses": "openai", "openai_chat": "openai", "anthropic_messages": "anthropic"}
AFTER = {
    "words": None,
    "an error": b'event: error\ndata: {"type":"error","error":{"message":"late"}}\n\n',
    "half an event": b'data: {"choices":[{"index":0,"delta":{"con',
    "rubbish": b"\x00\xff\r\n\r\n<html>\n\n",
    "the end again": b"data: [DONE]\n\n",
}


def answered(name: str) -> bytes:
    encoder = by_name(name).stream_encoder(replace(REQUEST, include_usage=True), free)
    return encoder.feed(conversation(VENDORS.get(name, "anthropic"))) + encoder.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("after", AFTER)
@given(size=st.integers(1, 3000))
def test_a_decoder_is_done_with_the_end_mark(name, after, size):
    data = answered(name)
    alone = by_name(name).stream_decoder()
    expected = merge(alone.feed(data) + alone.close())
    assert alone.done
    decoder, events = by_name(name).stream_decoder(), []
    longer = data + (AFTER[after] or data)
    for at in range(0, len(longer), size):
        events += decoder.feed(longer[at : at + size])
        if decoder.done:
            break
    assert merge(events + decoder.close()) == expected


@pytest.mark.parametrize("name", [name for name in NAMES if name != "bedrock"])
@pytest.mark.parametrize("after", AFTER)
@given(size=st.integers(1, 3000))
def test_a_tap_lets_nothing_pass_behind_the_end_mark(name, after, size):
    data = answered(name)
    tap = by_name(name).tap(stream=True, keep_usage=True, cost_of=free)
    longer = data + (AFTER[after] or data)
    passed = b""
    for at in range(0, len(longer), size):
        passed += tap.feed(longer[at : at + size])
        if tap.done:
            break
    assert passed + tap.close() == data
    assert tap.usage is not None


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("openai_chat", b"data: [DONE]\n\n"),
        ("anthropic_messages", b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
    ],
)
@pytest.mark.parametrize("cut", [0, 1, 9])
def test_a_client_gets_the_end_mark_that_the_upstream_owed(name, mark, cut):
    data = answered(name).removesuffix(mark)
    tap = by_name(name).tap(stream=True, keep_usage=True, cost_of=free)
    assert tap.feed(data + mark[:cut]) + tap.close() == data + mark
