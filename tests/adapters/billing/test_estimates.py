"""Tokens that nobody counted.

The rates were measured on recorded exchanges with providers that count: for each family of models, bytes of text in all
answers without calls and hidden thoughts, over the tokens that were reported for them (`bytes_per_token`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.billing.estimates import bytes_per_token, prompt_tokens
from adapters.canonical import ReasoningDelta, TextDelta, ToolCallStart, UsageReport
from adapters.dialects import by_name
from benchmarks.cassettes.recordings import exchanges

CASSETTES = Path(__file__).parents[1] / "cassettes"
FOX = (
    "The quick brown fox jumps over the lazy dog. " * 100
)  # 10 tokens a sentence in every vocabulary of these


@pytest.mark.parametrize(
    "model", ["gpt-5", "gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-flash", "mistral-large", "m"]
)
def test_english_prose(model: str) -> None:
    assert 900 <= len(FOX) / bytes_per_token(model) <= 1150


def test_newer_tokenisers_of_anthropic_cut_finer() -> None:
    assert bytes_per_token("claude-opus-4-8") < bytes_per_token("claude-opus-4-5")


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": FOX}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": FOX}]}]},
        {"system": FOX, "messages": []},
        {"system": [{"type": "text", "text": FOX, "cache_control": {"type": "ephemeral"}}], "messages": []},
        {"input": FOX},
        {"instructions": FOX, "input": []},
        {"contents": [{"role": "user", "parts": [{"text": FOX}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": FOX}}]}]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": FOX}]}
            ]
        },
        {"messages": [], "tools": [{"type": "function", "function": {"name": "f", "description": FOX}}]},
    ],
)
def test_text_counts_wherever_it_stands(body: dict[str, Any]) -> None:
    assert prompt_tokens(body, "gpt-4") == pytest.approx(1000, rel=0.05)


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40_000}}, 800),
        ({"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}}, 85),
        ({"type": "image", "source": {"type": "base64", "data": "A" * 40_000}}, 800),
        ({"inlineData": {"mimeType": "image/png", "data": "A" * 40_000}}, 800),
        # Ten seconds of sound, and three pages.
        ({"type": "input_audio", "input_audio": {"data": "A" * 213_333, "format": "mp3"}}, 200),
        ({"type": "document", "source": {"type": "base64", "data": "A" * 200_000}}, 4500),
        ({"type": "document", "source": {"type": "text", "data": FOX}}, 1000),
    ],
)
def test_media_count_by_what_they_are_and_not_by_their_letters(part: dict[str, Any], tokens: int) -> None:
    body = {"messages": [{"role": "user", "content": [part]}]}
    assert prompt_tokens(body, "gpt-4") == pytest.approx(tokens, rel=0.05)


def test_recorded_answers_are_estimated_within_a_seventh_in_sum() -> None:
    right = estimated = 0
    for exchange in exchanges(CASSETTES):
        if (
            exchange.dialect not in ("openai_chat", "anthropic_messages", "gemini", "cohere")
            or exchange.status != 200
        ):
            continue
        dialect = by_name(exchange.dialect)
        if exchange.stream:
            decoder = dialect.stream_decoder()
            events = [*decoder.feed(exchange.body), *decoder.close()]
        else:
            events = dialect.decode_answer(exchange.body)
        counts = [event.usage for event in events if isinstance(event, UsageReport)]
        hidden = any(isinstance(event, (ToolCallStart, ReasoningDelta)) for event in events)
        if not counts or hidden or counts[0].reasoning or not counts[0].output:
            continue
        model = str(exchange.request.get("model", "")) if isinstance(exchange.request, dict) else ""
        right += counts[0].output
        said = sum(len(event.text.encode()) for event in events if isinstance(event, TextDelta))
        estimated += round(said / bytes_per_token(model or exchange.url))
    assert right > 300
    assert estimated == pytest.approx(right, rel=1 / 7)
