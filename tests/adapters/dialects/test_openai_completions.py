from __future__ import annotations

import pytest

from adapters.canonical import (
    Finish,
    Message,
    Request,
    Start,
    Text,
    TextDelta,
    Tool,
    Usage,
    UsageReport,
    merge,
)
from adapters.dialects.openai_completions import COMPLETIONS
from adapters.errors import Inexpressible, InvalidRequest

BODY = {"model": "m", "prompt": "once", "max_tokens": 5, "echo": True, "logprobs": 3, "stop": ["."]}
EVENTS = [
    Start("1", "m", 7),
    TextDelta("a", 0),
    Finish("stop", "stop", choice=0),
    UsageReport(Usage(input=1, output=2)),
]


def test_a_request_survives_being_decoded_and_encoded():
    request = COMPLETIONS.decode_request(BODY)
    assert request.messages == (Message("user", (Text("once"),)),)
    assert COMPLETIONS.encode_request(request) == BODY


@pytest.mark.parametrize("prompt", [None, 3, ["a", "b"], [[1, 2]]])
def test_one_text_is_one_request(prompt):
    with pytest.raises(InvalidRequest) as caught:
        COMPLETIONS.decode_request(BODY | {"prompt": prompt})
    assert caught.value.field == "prompt"


@pytest.mark.parametrize(
    "request_",
    [
        Request("m", (Message("user", (Text("a"),)), Message("assistant", (Text("b"),)))),
        Request("m", (Message("user", (Text("a"),)),), tools=(Tool("f"),)),
    ],
)
def test_a_chat_that_is_more_than_one_prompt_has_no_words_here(request_):
    with pytest.raises(Inexpressible):
        COMPLETIONS.encode_request(request_)


def test_an_answer_survives_whole_and_streamed():
    request = COMPLETIONS.decode_request(BODY | {"stream": True, "stream_options": {"include_usage": True}})
    assert (
        merge(COMPLETIONS.decode_answer(COMPLETIONS.encode_answer(EVENTS, request, lambda usage: None)))
        == EVENTS
    )
    encoder = COMPLETIONS.stream_encoder(request, lambda usage: None)
    wire = encoder.feed(EVENTS) + encoder.close()
    decoder = COMPLETIONS.stream_decoder()
    assert (
        merge([e for i in range(len(wire)) for e in decoder.feed(wire[i : i + 1])] + decoder.close())
        == EVENTS
    )
