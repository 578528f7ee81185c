"""How much an answer said is known of what passes unread, too, whatever kind of content it is and however it is cut."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from adapters.canonical import Event, Finish, ReasoningDelta, Start, TextDelta, ToolCallDelta, ToolCallStart
from adapters.dialects import by_name
from tests.adapters.dialects.laws import free, streamed

WORDS = ["Jupiter ", "is ", "the ", 'largest "planet" ', "of ", "them\n", "all. ", "木星"] * 12
SIZE = sum(len(json.dumps(word, ensure_ascii=False).encode()) - 2 for word in WORDS)
DIALECTS = ["openai_chat", "openai_completions", "openai_responses", "anthropic_messages", "gemini", "cohere"]

KINDS: dict[str, list[Event]] = {
    "text": [TextDelta(word) for word in WORDS],
    "thoughts": [ReasoningDelta(word) for word in WORDS],
    "arguments": [ToolCallStart(0, "call_1", "look"), *(ToolCallDelta(0, word) for word in WORDS)],
    "thoughts and text": [
        *(ReasoningDelta(word) for word in WORDS[:48]),
        *(TextDelta(word) for word in WORDS[48:]),
    ],
}


def cuts(data: bytes) -> dict[str, list[bytes]]:
    blank = b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n"
    events = [text + blank for text in data.split(blank)[:-1]]
    return {
        "by event": events,
        "by five": [b"".join(events[at : at + 5]) for at in range(0, len(events), 5)],
        "by byte": [data[at : at + 1] for at in range(len(data))],
        "in 1000s": [data[at : at + 1000] for at in range(0, len(data), 1000)],
    }


def said(name: str, pieces: Iterable[bytes]) -> int:
    tap = by_name(name).tap(stream=True, keep_usage=True, cost_of=free)
    for piece in pieces:
        tap.feed(piece)
    tap.close()
    return tap.said


CASES = [
    (name, kind, how)
    for name in DIALECTS
    for kind in KINDS
    for how in ("by event", "by five", "by byte", "in 1000s")
    if kind == "text" or (name != "openai_completions" and not (name == "gemini" and kind == "arguments"))
]


@pytest.mark.parametrize(("name", "kind", "how"), CASES)
def test_what_passes_is_counted_without_what_is_around_it(name: str, kind: str, how: str) -> None:
    end = Finish("tool_calls" if kind == "arguments" else "stop")
    data = streamed(by_name(name), [Start("id", "m"), *KINDS[kind], end])
    assert said(name, cuts(data)[how]) == pytest.approx(SIZE, rel=0.15)


@pytest.mark.parametrize("how", ["by event", "by five"])
def test_roles_other_members_and_spaces_are_no_content(how: str) -> None:
    chunks = [
        {
            "id": "c",
            "choices": [
                {
                    "index": 0,
                    "delta": {"role": "assistant", "content": word, "reasoning": None, "refusal": None},
                    "logprobs": None,
                    "finish_reason": None,
                }
            ],
        }
        for word in WORDS
    ]
    end = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    data = b"".join(
        b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n" for chunk in [*chunks, end]
    )
    assert said("openai_chat", cuts(data)[how]) == pytest.approx(SIZE, rel=0.15)
