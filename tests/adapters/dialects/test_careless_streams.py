"""Streams that a server wrote carelessly come out as clients rely on: chat passed through, Messages translated, Gemini read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from adapters.canonical import (
    Event,
    Finish,
    Message,
    Request,
    Start,
    Text,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from adapters.dialects import by_name

DONE = b"data: [DONE]\n\n"
REQUEST = Request(model="m", messages=(Message("user", (Text("Hi"),)),), stream=True)


def chunk(delta: dict[str, Any], finish: str | None = None, **dump: Any) -> bytes:
    body = {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}  # fmt: skip
    return b"data: " + orjson.dumps(body) + b"\n\n"


def call(place: int | None, arguments: object, **head: Any) -> dict[str, Any]:
    raw: dict[str, Any] = {**head, "function": {"arguments": arguments}}
    if place is not None:
        raw["index"] = place
    return {"tool_calls": [raw]}


def passed(*events: bytes) -> tuple[list[Any], bytes]:
    """Returns what a client gets, event by event as they came and all in one read alike."""
    outs = []
    for reads in (events, (b"".join(events),)):
        tap = by_name("openai_chat").tap(stream=True, keep_usage=False, cost_of=lambda _: None)
        outs.append(b"".join(tap.feed(read) for read in reads) + tap.close())
    assert outs[0] == outs[1]
    found = [orjson.loads(line[6:]) for line in outs[0].split(b"\n\n") if line and line != DONE.strip()]
    return found, outs[0]


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([chunk({"content": "High "}), chunk({"content": "tide."})], "stop"),
        ([chunk({"content": "So: "}), chunk(call(0, "{}", id="c1"))], "tool_calls"),
        ([chunk(call(0, "{}", id="c1"))], "tool_calls"),
    ],
)
def test_a_stream_that_is_whole_gets_the_finish_reason_that_it_lacks(
    events: list[bytes], reason: str
) -> None:
    found, raw = passed(*events, DONE)
    assert [c["finish_reason"] for event in found for c in event["choices"] if c["finish_reason"]] == [reason]
    assert found[-1]["id"] == "a"
    assert raw.endswith(DONE)
    whole, _ = passed(*events, chunk({}, reason), DONE)
    assert [c["finish_reason"] for event in whole for c in event["choices"] if c["finish_reason"]] == [reason]


def test_a_text_completion_gets_one_of_its_own_form() -> None:
    body = {
        "id": "a",
        "object": "text_completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "text": "x"}],
    }
    tap = by_name("openai_completions").tap(stream=True, keep_usage=False, cost_of=lambda _: None)
    out = tap.feed(b"data: " + orjson.dumps(body) + b"\n\n" + DONE)
    last = orjson.loads(out.split(b"\n\n")[-3][6:])
    assert last["choices"] == [{"index": 0, "finish_reason": "stop", "text": ""}]


def test_calls_without_an_index_are_numbered() -> None:
    found, _ = passed(
        chunk({"content": "So: "}),
        chunk({"content": "two."}),
        chunk(call(None, '{"a"', id="c1")),
        chunk(call(None, ": 1}")),
        chunk(call(None, "{}", id="c2")),
        chunk({}, "tool_calls"),
        DONE,
    )
    places = [
        c["index"] for event in found for ch in event["choices"] for c in ch["delta"].get("tool_calls", ())
    ]
    assert places == [0, 0, 1]


def test_arguments_that_are_an_object_become_text() -> None:
    found, _ = passed(chunk(call(0, {"city": "Oslo"}, id="c1")), chunk({}, "tool_calls"), DONE)
    assert orjson.loads(found[0]["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"]) == {
        "city": "Oslo"
    }


def test_what_is_well_written_passes_as_it_came() -> None:
    events = [
        chunk({"content": "So: "}),
        chunk(call(0, "", id="c1")),
        chunk(call(0, "{}")),
        chunk({}, "tool_calls"),
        DONE,
    ]
    assert passed(*events)[1] == b"".join(events)


def messages(*events: Event) -> list[Any]:
    encoder = by_name("anthropic_messages").stream_encoder(REQUEST, lambda _: None)
    raw = b"".join(encoder.feed([event]) for event in events) + encoder.close()
    return [orjson.loads(line[6:]) for line in raw.split(b"\n") if line.startswith(b"data: ")]


def inputs(events: list[Any]) -> dict[str, str]:
    """Returns each call's arguments by its name; deltas belong to the one block that is open."""
    open_block, names, found = -1, {}, {}
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert open_block == -1
                open_block = event["index"]
                names[open_block] = event["content_block"].get("name", "")
                found[names[open_block]] = ""
            case "content_block_delta":
                assert event["index"] == open_block
                found[names[open_block]] += event["delta"].get("partial_json", "")
            case "content_block_stop":
                assert event["index"] == open_block
                open_block = -1
    return found


def test_calls_that_are_written_in_turns_come_one_after_the_other() -> None:
    events = messages(
        Start("a", "m"), ToolCallStart(0, "c0", "one"), ToolCallStart(1, "c1", "two"), ToolCallStart(2, "c2", "three"),
        ToolCallDelta(0, '{"a"'), ToolCallDelta(1, '{"b"'), ToolCallDelta(0, ": 1}"), ToolCallDelta(1, ": 2}"),
        ToolCallDelta(2, "{}"), Finish("tool_calls"),
    )  # fmt: skip
    assert inputs(events) == {"one": '{"a": 1}', "two": '{"b": 2}', "three": "{}"}


def test_calls_that_are_written_one_by_one_are_told_at_once() -> None:
    encoder = by_name("anthropic_messages").stream_encoder(REQUEST, lambda _: None)
    encoder.feed([Start("a", "m"), ToolCallStart(0, "c0", "one"), ToolCallDelta(0, '{"a": 1}')])
    assert b'"name":"two"' in encoder.feed([ToolCallStart(1, "c1", "two")])
    assert b'"partial_json":"{\\"b\\""' in encoder.feed([ToolCallDelta(1, '{"b"')])


def test_text_behind_calls_in_turns_follows_them() -> None:
    events = messages(
        Start("a", "m"), ToolCallStart(0, "c0", "one"), ToolCallStart(1, "c1", "two"), TextDelta("Well."), Finish("stop")
    )  # fmt: skip
    assert list(inputs(events)) == ["one", "two", ""]


@pytest.mark.parametrize(("number", "reason"), [(1, "stop"), (2, "length"), (3, "content_filter")])
@pytest.mark.parametrize("streamed", [True, False])
def test_googles_enums_may_be_numbers(number: int, reason: str, streamed: bool) -> None:
    gemini = by_name("gemini")
    raw = orjson.dumps(
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "Fine."}]}, "finishReason": number}]}
    )
    decoder = gemini.stream_decoder()
    events = (
        [*decoder.feed(b"data: " + raw + b"\n\n"), *decoder.close()]
        if streamed
        else gemini.decode_answer(raw)
    )
    assert [event.reason for event in events if isinstance(event, Finish)] == [reason]
