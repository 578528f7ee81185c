"""Token counts in OpenAI's words, and in the words of those who speak almost like OpenAI."""

from __future__ import annotations

from typing import Any

from adapters.canonical import Json, Usage
from adapters.dialects.loose import count, dollars, first


def details(raw: Json, *names: str) -> dict[str, Any]:
    """Returns the first of the named objects that is there, else an empty one."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, dict):
            return value
    return {}


def decode_usage(raw: Json) -> Usage:
    """Decodes `usage` of chat completions, completions and embeddings."""
    prompt = details(raw, "prompt_tokens_details", "input_tokens_details")
    completion = details(raw, "completion_tokens_details", "output_tokens_details")
    return Usage(
        input=first(raw.get("prompt_tokens"), raw.get("input_tokens")),
        output=first(raw.get("completion_tokens"), raw.get("output_tokens")),
        # DeepSeek and some others say it beside the details, Mistral in one word.
        cached=first(
            prompt.get("cached_tokens"), raw.get("prompt_cache_hit_tokens"), raw.get("cached_tokens")
        ),
        cache_write=first(prompt.get("cache_write_tokens"), prompt.get("cache_creation_tokens")),
        reasoning=first(completion.get("reasoning_tokens"), raw.get("reasoning_tokens")),
        input_audio=count(prompt.get("audio_tokens")),
        output_audio=count(completion.get("audio_tokens")),
        cost_usd=dollars(raw.get("cost")),
    )


def encode_usage(usage: Usage, cost: float | None) -> Json:
    """Returns the `usage` object; `cost` in dollars."""
    raw: Json = {
        "prompt_tokens": usage.input or 0,
        "completion_tokens": usage.output or 0,
        "total_tokens": (usage.input or 0) + (usage.output or 0),
    }
    prompt = {
        "cached_tokens": usage.cached,
        "cache_write_tokens": usage.cache_write,
        "audio_tokens": usage.input_audio,
    }
    completion = {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.output_audio}
    for name, part in (("prompt_tokens_details", prompt), ("completion_tokens_details", completion)):
        said = {key: value for key, value in part.items() if value is not None}
        if said:
            raw[name] = said
    if cost is not None:
        raw["cost"] = cost
    if usage.estimated:
        raw["estimated"] = True
    return raw
