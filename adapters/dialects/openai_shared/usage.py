"""Token counts in OpenAI's words, and in the words of those who speak almost like OpenAI."""

from __future__ import annotations

from typing import Any

from adapters.canonical import Json, Usage
from adapters.dialects.shared.lenient import count, dollars


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
    usage = Usage(
        input=_counted(raw, "prompt_tokens", "input_tokens"),
        output=_counted(raw, "completion_tokens", "output_tokens"),
        cost_usd=dollars(raw.get("cost")),
    )
    if prompt:
        usage.cached = count(prompt.get("cached_tokens"))
        usage.cache_write = _counted(prompt, "cache_write_tokens", "cache_creation_tokens")
        usage.input_audio = count(prompt.get("audio_tokens"))
    if completion:
        usage.reasoning = count(completion.get("reasoning_tokens"))
        usage.output_audio = count(completion.get("audio_tokens"))
    # Some say it beside the details: DeepSeek, and Mistral in one word.
    if usage.cached is None:
        usage.cached = _counted(raw, "prompt_cache_hit_tokens", "cached_tokens")
    if usage.reasoning is None:
        usage.reasoning = count(raw.get("reasoning_tokens"))
    return usage


def _counted(raw: Json, name: str, other: str) -> int | None:
    number = count(raw.get(name))
    return count(raw.get(other)) if number is None else number


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
