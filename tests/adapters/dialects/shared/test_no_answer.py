"""What an upstream sends under status 200 in place of an answer is a failure in every dialect, passed through or decoded,
whole or streamed, however it is cut; and what is unusual but an answer is none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from adapters.canonical import Finish, ReasoningDelta, RefusalDelta, TextDelta, ToolCallStart
from adapters.dialect import Dialect
from adapters.dialects import by_name
from adapters.dialects.bedrock.frames import frame
from adapters.dialects.embeddings import decode_embeddings, embeddings_tap
from adapters.errors import ErrorKind, ProviderError, Truncated
from tests.adapters.dialects.laws import free

CHAT, COMPLETIONS, RESPONSES = "openai_chat", "openai_completions", "openai_responses"
ANTHROPIC, GEMINI, COHERE, BEDROCK = "anthropic_messages", "gemini", "cohere", "bedrock"
DIALECTS = (CHAT, COMPLETIONS, RESPONSES, ANTHROPIC, GEMINI, COHERE, BEDROCK)
OF_EVENTS = tuple(name for name in DIALECTS if name != BEDROCK)
DONE = b"data: [DONE]\n\n"

ANYWHERE: dict[str, object] = {
    "an empty object": {},
    "null": None,
    "a list": [],
    "a string": "busy",
    "a number": 5,
    "detail": {"detail": "Not authenticated"},
    "details": {"detail": [{"loc": ["body"], "msg": "field required"}]},
    "vllm's": {"object": "error", "message": "overloaded", "type": "server_error", "code": 503},
    "a code and a message": {"code": "Throttling", "message": "Requests throttled", "request_id": "x"},
    "success false": {
        "result": None,
        "success": False,
        "errors": [{"code": 7009, "message": "No such model"}],
    },
    "a message": {"message": "no more"},
    "an error in words": {"error": "broke"},
    "an error object": {"error": {"message": "broke", "code": 502}},
    "openai's among others": {"error": {"message": "busy", "code": 529}, "choices": [], "id": "x"},
    "anthropic's": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    "google's": {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}},
    "aws's": {"Message": "Too many requests", "__type": "ThrottlingException"},
    "minimax's": {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "choices": None},
    "a problem": {"type": "about:blank", "title": "Unavailable", "status": 503},
    "only counts": {"usage": {"prompt_tokens": 5, "completion_tokens": 0}},
}
TEXTS: dict[str, bytes] = {
    "nothing": b"",
    "blank lines": b"\n\n \n",
    "a page": b"<html><head><title>502 Bad Gateway</title></head></html>",
    "words": b"upstream connect error",
    "half an object": b'{"id":"x","cho',
}
OWN: dict[str, dict[str, object]] = {
    CHAT: {
        "choices null": {"id": "x", "choices": None},
        "no choices": {"id": "x", "choices": []},
        "a choice that is null": {"choices": [None]},
        "an empty choice": {"choices": [{}]},
        "a choice without a message": {"choices": [{"index": 0, "finish_reason": "stop"}]},
        "a message without an end or content": {
            "choices": [{"message": {"role": "assistant", "content": ""}}]
        },
        "an error in the choice": {"choices": [{"error": {"code": 502, "message": "died"}, "message": {}}]},
        "an end that is an error": {"choices": [{"finish_reason": "error", "message": {"content": "Ju"}}]},
        "choices in words": {"choices": "none"},
    },
    COMPLETIONS: {
        "choices null": {"id": "x", "choices": None},
        "a choice without text": {"choices": [{"index": 0, "finish_reason": "stop"}]},
        "an end that is an error": {"choices": [{"finish_reason": "error", "text": ""}]},
    },
    RESPONSES: {
        "failed": {
            "id": "x",
            "status": "failed",
            "output": [],
            "error": {"code": "server_error", "message": "b"},
        },
        "failed without a word": {
            "id": "x",
            "status": "failed",
            "output": [{"type": "message", "content": []}],
        },
        "cancelled": {"id": "x", "status": "cancelled", "output": []},
        "incomplete without output": {"id": "x", "status": "incomplete", "output": []},
        "completed without output": {"id": "x", "status": "completed", "output": []},
        "output null": {"id": "x", "status": "completed", "output": None},
        "not begun": {"id": "x", "status": "in_progress", "output": []},
    },
    ANTHROPIC: {
        "content null": {"type": "message", "id": "x", "role": "assistant", "content": None},
        "no content and no end": {"type": "message", "id": "x", "content": [], "stop_reason": None},
        "an end that is an error": {"type": "message", "content": [], "stop_reason": "error"},
        "content in words": {"type": "message", "content": "Jupiter", "stop_reason": "end_turn"},
    },
    GEMINI: {
        "feedback null": {"promptFeedback": None},
        "candidates null": {"candidates": None},
        "no candidates": {"candidates": [], "usageMetadata": {"promptTokenCount": 5}},
        "an end without its message": {"candidates": [{"finishReason": "STOP", "index": 0}]},
        "a broken call": {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "content": {}}]},
    },
    COHERE: {
        "message null": {"id": "x", "message": None, "finish_reason": "COMPLETE"},
        "an end that is an error": {"id": "x", "message": {"content": []}, "finish_reason": "ERROR"},
        "no end": {"id": "x", "message": {"role": "assistant", "content": []}},
    },
    BEDROCK: {
        "output null": {"output": None},
        "message null": {"output": {"message": None}, "stopReason": "end_turn"},
        "no content and no end": {"output": {"message": {"role": "assistant", "content": []}}},
        "an unknown operation": {"Output": {"__type": "UnknownOperationException"}},
    },
}

BODIES = [
    *((name, kind, json.dumps(raw).encode()) for name in DIALECTS for kind, raw in ANYWHERE.items()),
    *((name, kind, body) for name in DIALECTS for kind, body in TEXTS.items()),
    *((name, kind, json.dumps(raw).encode()) for name in DIALECTS for kind, raw in OWN[name].items()),
    *((name, "a stream", data) for name in DIALECTS for data in (DONE, b'data: {"error":"broke"}\n\n')),
]


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)] or [b""]


def failure(call: Callable[[], object]) -> ProviderError | Truncated:
    with pytest.raises((ProviderError, Truncated)) as raised:
        call()
    return raised.value


def streamed(sink: Any, pieces: list[bytes]) -> None:
    for piece in pieces:
        sink.feed(piece)
    sink.close()


@pytest.mark.parametrize(
    ("name", "kind", "body"), BODIES, ids=lambda value: None if isinstance(value, bytes) else value
)
def test_a_whole_body_without_an_answer_is_refused(name: str, kind: str, body: bytes) -> None:
    dialect: Dialect = by_name(name)
    decoded = failure(lambda: dialect.decode_answer(body))
    for size in (1, 7, len(body) or 1):
        tap = dialect.tap(stream=False, keep_usage=True, cost_of=free)
        passed = failure(lambda tap=tap, size=size: streamed(tap, cut(body, size)))
        assert (type(passed), str(passed)) == (type(decoded), str(decoded))
        assert not tap.content


def event(raw: object) -> bytes:
    return b"data: " + json.dumps(raw).encode() + b"\n\n"


STARTS = {
    CHAT: event({"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}),
    COMPLETIONS: event({"id": "c", "choices": [{"index": 0, "text": "", "finish_reason": None}]}),
    RESPONSES: event({"type": "response.created", "response": {"id": "r", "model": "m", "output": []}}),
    ANTHROPIC: event(
        {"type": "message_start", "message": {"id": "a", "content": [], "usage": {"input_tokens": 5}}}
    ),
    GEMINI: event({"candidates": [{"content": {"parts": [{"text": ""}]}}], "responseId": "g"}),
    COHERE: event({"type": "message-start", "id": "h"}),
}
OWN_STREAMS: dict[str, dict[str, bytes]] = {
    CHAT: {
        "choices null": event({"id": "c", "choices": None}),
        "an error in the choice": event(
            {"choices": [{"delta": {"content": ""}, "finish_reason": "error", "error": {"code": 502}}]}
        ),
        "an end that is an error": event({"choices": [{"delta": {}, "finish_reason": "error"}]}),
        "an error beside choices": event({"error": {"message": "busy", "code": 529}, "choices": []}),
        "only counts": event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 0}}),
        "mistral's error": event({"object": "error", "message": "no", "type": "x"}),
    },
    COMPLETIONS: {"choices null": event({"id": "c", "choices": None})},
    RESPONSES: {
        "failed": event(
            {"type": "response.failed", "response": {"status": "failed", "error": {"message": "b"}}}
        ),
        "completed without output": event(
            {"type": "response.completed", "response": {"status": "completed", "output": []}}
        ),
        "incomplete without output": event(
            {"type": "response.incomplete", "response": {"status": "incomplete", "output": []}}
        ),
        "an error": event({"type": "error", "code": "server_error", "message": "broke"}),
    },
    ANTHROPIC: {
        "pings": b'event: ping\ndata: {"type":"ping"}\n\n' * 3,
        "no reason to stop": event({"type": "message_delta", "delta": {}}) + event({"type": "message_stop"}),
        "an error": event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    },
    GEMINI: {
        "only counts": event({"usageMetadata": {"promptTokenCount": 5}}),
        "a broken call": event({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}),
        "an array with an error": b'[{"error":{"code":503,"message":"busy"}}]',
    },
    COHERE: {
        "an end that is an error": event({"type": "message-end", "delta": {"finish_reason": "ERROR"}}),
        "no reason to end": event({"type": "message-end", "delta": {}}),
    },
}
STREAMS = [
    *((name, kind, event(raw)) for name in OF_EVENTS for kind, raw in ANYWHERE.items()),
    *(
        (name, f"{kind}, not as events", json.dumps(raw, indent=1).encode())
        for name in OF_EVENTS
        for kind, raw in ANYWHERE.items()
    ),
    *((name, f"{kind}, not as events", body) for name in OF_EVENTS for kind, body in TEXTS.items()),
    *((name, "broken JSON", b"data: {oops\n\n") for name in OF_EVENTS),
    *((name, "a comment", b": waiting\n\n" * 3) for name in OF_EVENTS),
    *((name, "an event named error", b'event: error\ndata: {"message":"broke"}\n\n') for name in OF_EVENTS),
    *((name, kind, data) for name in OF_EVENTS for kind, data in OWN_STREAMS[name].items()),
]


@pytest.mark.parametrize("around", ["alone", "begun", "done"])
@pytest.mark.parametrize(
    ("name", "kind", "data"), STREAMS, ids=lambda value: None if isinstance(value, bytes) else value
)
def test_a_stream_without_an_answer_is_refused_before_its_first_content(
    name: str, kind: str, data: bytes, around: str
) -> None:
    dialect: Dialect = by_name(name)
    if around == "begun":
        data = STARTS[name] + data
    elif around == "done":
        data += b"\n\n" * ("not as events" in kind) + DONE
    for size in (1, 7, len(data) or 1):
        tap = dialect.tap(stream=True, keep_usage=True, cost_of=free)
        for sink in (tap, dialect.stream_decoder()):
            failure(lambda sink=sink, size=size: streamed(sink, cut(data, size)))
        assert not tap.content
        assert tap.finish is None


SAID = {
    CHAT: event({"id": "c", "choices": [{"index": 0, "delta": {"content": "Ju"}, "finish_reason": None}]}),
    COMPLETIONS: event({"id": "c", "choices": [{"index": 0, "text": "Ju", "finish_reason": None}]}),
    RESPONSES: event({"type": "response.output_text.delta", "output_index": 0, "delta": "Ju"}),
    ANTHROPIC: event(
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    )
    + event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Ju"}}),
    GEMINI: event({"candidates": [{"content": {"parts": [{"text": "Ju"}]}}]}),
    COHERE: event({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Ju"}}}}),
}
BROKEN = {
    "broken JSON": b"data: {oops\n\n",
    "detail": event({"detail": "Not authenticated"}),
    "an error": event({"error": {"message": "broke"}}),
    "null": b"data: null\n\n",
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", OF_EVENTS)
def test_after_the_first_content_it_is_a_failure_too_and_isnt_forwarded(name: str, kind: str) -> None:
    dialect: Dialect = by_name(name)
    said, broken = SAID[name] * 3, BROKEN[kind]
    for pieces in ([said, broken], [said + broken], cut(said + broken, 1), [SAID[name]] * 3 + [broken]):
        tap, out = dialect.tap(stream=True, keep_usage=True, cost_of=free), b""

        def run(tap: Any = tap, pieces: list[bytes] = pieces) -> None:
            nonlocal out
            for piece in pieces:
                out += tap.feed(piece)
            tap.close()

        error = failure(run)
        assert isinstance(error, ProviderError)
        assert tap.content
        assert out == said
        decoder = dialect.stream_decoder()
        failure(lambda decoder=decoder, pieces=pieces: streamed(decoder, pieces))


FRAMES = {
    "a message that begins": frame("messageStart", b'{"role":"assistant"}'),
    "an end without a reason": frame("messageStop", b"{}"),
    "an exception": frame("throttlingException", b'{"message":"slow"}', kind="exception"),
    "broken JSON": frame("contentBlockDelta", b"{oops"),
    "only counts": frame("metadata", b'{"usage":{"inputTokens":5}}'),
    "an object": b'{"message":"Too many requests, please wait before trying again."}',
    "an empty object": b"{}",
    "a page": b"<html><title>502 Bad Gateway</title></html>",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_without_an_answer_are_refused(kind: str) -> None:
    data = FRAMES[kind]
    for size in (1, 7, len(data) or 1):
        tap = by_name(BEDROCK).tap(stream=True, keep_usage=True, cost_of=free)
        for sink in (tap, by_name(BEDROCK).stream_decoder()):
            failure(lambda sink=sink, size=size: streamed(sink, cut(data, size)))
        assert not tap.content
        assert tap.finish is None


# --- what it tells --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize(
    ("raw", "kind", "words"),
    [
        ({"object": "error", "message": "slow down", "code": 429}, ErrorKind.RATE_LIMIT, "slow down"),
        ({"error": {"message": "no key", "code": 401}}, ErrorKind.AUTHENTICATION, "no key"),
        ({"code": "Throttling", "message": "Requests throttled"}, ErrorKind.RATE_LIMIT, "throttled"),
        ({"error": {"message": "busy", "code": "529"}}, ErrorKind.OVERLOADED, "busy"),
        ({"title": "Unavailable", "status": 503}, ErrorKind.OVERLOADED, "Unavailable"),
        (
            {"success": False, "errors": [{"code": 7009, "message": "No such model"}]},
            ErrorKind.NOT_FOUND,
            "No such",
        ),
        ({"detail": "Not Found"}, ErrorKind.UPSTREAM, "Not Found"),
        ({}, ErrorKind.UPSTREAM, "without an answer"),
    ],
)
def test_the_cause_is_read_from_it(name: str, raw: object, kind: ErrorKind, words: str) -> None:
    error = failure(lambda: by_name(name).decode_answer(json.dumps(raw).encode()))
    assert isinstance(error, ProviderError)
    assert error.kind is kind
    assert words in error.message
    if name == BEDROCK:
        return
    for data in (event(raw), json.dumps(raw).encode() + b"\n"):
        for sink in (
            by_name(name).tap(stream=True, keep_usage=True, cost_of=free),
            by_name(name).stream_decoder(),
        ):
            told = failure(lambda sink=sink, data=data: streamed(sink, [data]))
            assert isinstance(told, ProviderError)
            assert told.kind is kind
            assert words in told.message


def test_how_long_to_wait_is_read_from_it() -> None:
    body = b'{"error":{"message":"slow down","code":429,"retry_after":20}}'
    error = failure(lambda: by_name(CHAT).decode_answer(body))
    assert isinstance(error, ProviderError)
    assert error.retry_after_s == 20.0


def test_a_page_tells_its_title_and_no_more() -> None:
    error = failure(lambda: by_name(CHAT).decode_answer(TEXTS["a page"]))
    assert "502 Bad Gateway" in str(error)
    assert "<" not in str(error)


# --- what is an answer ----------------------------------------------------------------------------


def choice(reason: str | None = "stop", **message: object) -> dict[str, object]:
    return {
        "error": None,
        "choices": [{"index": 0, "message": {"role": "assistant"} | message, "finish_reason": reason}],
    }


CALL = {"id": "t", "type": "function", "function": {"name": "look", "arguments": "{}"}}
ANSWERS: list[tuple[str, str, dict[str, Any], type | str]] = [
    (CHAT, "words", choice(content="Jupiter."), TextDelta),
    (CHAT, "no end", choice(None, content="Jupiter."), TextDelta),
    (CHAT, "a call", choice("tool_calls", content=None, tool_calls=[CALL]), ToolCallStart),
    (CHAT, "a refusal", choice(content=None, refusal="No."), RefusalDelta),
    (CHAT, "a thought", choice("length", content=None, reasoning_content="Hm"), ReasoningDelta),
    (CHAT, "a limit that hidden thoughts used up", choice("length", content=""), "length"),
    (CHAT, "no word", choice(content=""), "stop"),
    (
        CHAT,
        "azure's filter",
        {"choices": [{"index": 0, "finish_reason": "content_filter"}]},
        "content_filter",
    ),
    (COMPLETIONS, "no word", {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}, "stop"),
    (
        RESPONSES,
        "a limit that hidden thoughts used up",
        {
            "status": "incomplete",
            "output": [],
            "incomplete_details": {"reason": "max_output_tokens"},
            "error": None,
        },
        "length",
    ),
    (
        RESPONSES,
        "a message without words",
        {"status": "completed", "output": [{"type": "message", "content": []}]},
        "stop",
    ),
    (
        ANTHROPIC,
        "no word",
        {"type": "message", "content": [], "stop_reason": "end_turn", "error": None},
        "stop",
    ),
    (ANTHROPIC, "no end", {"type": "message", "content": [{"type": "text", "text": "Ju"}]}, TextDelta),
    (GEMINI, "a filter", {"promptFeedback": {"blockReason": "SAFETY"}, "error": None}, "content_filter"),
    (GEMINI, "a limit", {"candidates": [{"finishReason": "MAX_TOKENS"}]}, "length"),
    (GEMINI, "no word", {"candidates": [{"finishReason": "STOP", "content": {"role": "model"}}]}, "stop"),
    (COHERE, "no word", {"message": {"content": []}, "finish_reason": "COMPLETE", "error": None}, "stop"),
    (BEDROCK, "no word", {"output": {"message": {"content": []}}, "stopReason": "end_turn"}, "stop"),
]


@pytest.mark.parametrize(
    ("name", "kind", "raw", "wanted"), ANSWERS, ids=[f"{name}-{kind}" for name, kind, *_ in ANSWERS]
)
def test_an_unusual_answer_is_an_answer(
    name: str, kind: str, raw: dict[str, Any], wanted: type | str
) -> None:
    body = json.dumps(raw).encode()
    events = by_name(name).decode_answer(body)
    if isinstance(wanted, str):
        assert [found.reason for found in events if isinstance(found, Finish)] == [wanted]
    else:
        assert any(isinstance(found, wanted) for found in events)
    tap = by_name(name).tap(stream=False, keep_usage=True, cost_of=free)
    assert tap.feed(body) == b""
    assert json.loads(tap.close()) == raw


@pytest.mark.parametrize(
    ("name", "end"),
    [
        (CHAT, event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + DONE),
        (COMPLETIONS, event({"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}) + DONE),
        (
            ANTHROPIC,
            event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
            + event({"type": "message_stop"}),
        ),
        (GEMINI, event({"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": ""}]}}]})),
        (COHERE, event({"type": "message-end", "delta": {"finish_reason": "COMPLETE"}})),
    ],
)
def test_a_stream_without_a_word_but_with_its_end_is_an_answer(name: str, end: bytes) -> None:
    data = STARTS[name] + end
    for size in (1, 7, len(data)):
        tap, decoder = (
            by_name(name).tap(stream=True, keep_usage=True, cost_of=free),
            by_name(name).stream_decoder(),
        )
        streamed(tap, cut(data, size))
        streamed(decoder, cut(data, size))
        assert (tap.finish, tap.content) == ("stop", False)


def test_a_response_that_comes_only_whole_at_the_end_of_its_stream_is_decoded() -> None:
    output = [{"type": "message", "content": [{"type": "output_text", "text": "Jupiter."}]}]
    ended = {"type": "response.completed", "response": {"status": "completed", "output": output}}
    decoder = by_name(RESPONSES).stream_decoder()
    assert TextDelta("Jupiter.") in decoder.feed(STARTS[RESPONSES] + event(ended))


@pytest.mark.parametrize(
    "raw",
    [
        *ANYWHERE.values(),
        {"object": "list", "data": []},
        {"data": None},
        {"data": [{"index": 0}]},
        {"data": [{"index": 0, "embedding": []}]},
        {"data": [None]},
    ],
    ids=str,
)
def test_embeddings_need_vectors(raw: object) -> None:
    body = json.dumps(raw).encode()
    tap = embeddings_tap(free)
    failure(lambda: decode_embeddings(body))
    failure(lambda: streamed(tap, [body]))
    assert not tap.content
