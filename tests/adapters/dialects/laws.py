"""Answers that every dialect has to carry, and how each is fed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from adapters.canonical import (
    Event,
    Finish,
    Message,
    ReasoningDelta,
    Request,
    Start,
    Text,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
    merge,
)
from adapters.dialect import Dialect

CASSETTES = Path(__file__).parents[1] / "cassettes"
REQUEST = Request(model="some-model", messages=(Message("user", (Text("hi"),)),), stream=True)


def free(_: Usage) -> None:
    return None


def conversation(vendor: str) -> list[Event]:
    """Thinking, words, two calls, the end."""
    return [
        Start("id_1", "some-model"),
        ReasoningDelta("let me ", signature=None),
        ReasoningDelta("see", signature=None),
        ReasoningDelta(signature=f"{vendor}:c2VhbA=="),
        TextDelta("Hello "),
        TextDelta("\u2028wörld \U0001f600"),
        ToolCallStart(0, "call_1", "add"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(0, "1}"),
        ToolCallStart(1, "call_2", "now"),
        ToolCallDelta(1, "{}"),
        Finish("tool_calls"),
        UsageReport(Usage(input=11, output=7, cached=3, reasoning=2)),
    ]


def decoded(dialect: Dialect, data: bytes, size: int) -> list[Event]:
    decoder = dialect.stream_decoder()
    events: list[Event] = []
    for at in range(0, len(data), size):
        events += decoder.feed(data[at : at + size])
    return merge(events + decoder.close())


def streamed(dialect: Dialect, events: list[Event]) -> bytes:
    encoder = dialect.stream_encoder(REQUEST, free)
    return b"".join([*(encoder.feed([event]) for event in events), encoder.close()])


def meaning(events: list[Event]) -> list[Any]:
    """Drops what differs by dialect: ids of thoughts, the provider's own word, when the answer began."""
    out: list[Any] = []
    for event in merge(events):
        match event:
            case Start():
                pass
            case Finish():
                out.append(event.reason)
            case ReasoningDelta():
                out.append(("thought", event.text, event.signature))
            case _:
                out.append(event)
    return out


def recordings(prefix: str) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """Yields (name, request body, answer) of the shipped cassettes whose name begins with `prefix`."""
    for path in sorted(CASSETTES.glob(f"{prefix}*.yaml")):
        for interaction in yaml.safe_load(path.read_text())["interactions"]:
            body = interaction["response"]["body"]["string"]
            yield path.name, interaction["request"]["body"], body.encode() if isinstance(body, str) else body
