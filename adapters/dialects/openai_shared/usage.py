"""Token counts in OpenAI's words, and in the words of those who speak almost like OpenAI."""

from __future__ import annotations

from typing import Any

from adapters.billing.service_tiers import tier_of
from adapters.canonical import Json, Usage
from adapters.dialects.shared.lenient import count
from adapters.dialects.shared.reported_cost import reported

LONGEST_S = 1e6
"""Of a recording: eleven days are no request."""

_USUAL = frozenset(
    (
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
    )
)
"""Members of OpenAI's own object. What others add is looked for where there are more."""

_USUAL_OF_PROMPTS = frozenset(("cached_tokens", "audio_tokens"))


def details(raw: Json, *names: str) -> dict[str, Any]:
    """Returns the first of the named objects that is there, else an empty one."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, dict):
            return value
    return {}


def decode_usage(raw: Json, tier: object = None) -> Usage:
    """Decodes `usage` of chat completions, completions, responses and embeddings; `tier` as the answer names it."""
    prompt = details(raw, "prompt_tokens_details", "input_tokens_details")
    completion = details(raw, "completion_tokens_details", "output_tokens_details")
    usage = Usage(
        input=_either(raw, "prompt_tokens", "input_tokens"),
        output=_either(raw, "completion_tokens", "output_tokens"),
    )
    if prompt:
        usage.cached = count(prompt.get("cached_tokens"))
        usage.input_audio = count(prompt.get("audio_tokens"))
        if not prompt.keys() <= _USUAL_OF_PROMPTS:
            _more_of_prompt(prompt, usage)
    if completion:
        usage.reasoning = count(completion.get("reasoning_tokens"))
        usage.output_audio = count(completion.get("audio_tokens"))
        if "image_tokens" in completion:
            usage.output_image = count(completion["image_tokens"])
    if not raw.keys() <= _USUAL:
        _extraordinary(raw, usage)
    if tier is not None:
        usage.tier = tier_of(tier)
    if usage.reasoning:
        _with_reasoning(raw, usage, usage.reasoning)
    return usage


def _more_of_prompt(prompt: Json, usage: Usage) -> None:
    if usage.cached is None:
        usage.cached = count(prompt.get("cache_read_input_tokens"))
    usage.cache_write = _counted(
        prompt, "cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens"
    )
    usage.input_image = count(prompt.get("image_tokens"))
    read = prompt.get("cached_tokens_details")
    if isinstance(read, dict):
        usage.cached_audio = count(read.get("audio_tokens"))
        usage.cached_image = count(read.get("image_tokens"))


def _either(raw: Json, name: str, other: str) -> int | None:
    number = count(raw.get(name))
    return count(raw.get(other)) if number is None else number


def usage_elsewhere(event: Json) -> Json | None:
    """Returns the usage object of a chat event or answer that has none of its own: Groq and Moonshot put it elsewhere."""
    choices = event.get("choices")
    for place in (event.get("x_groq"), *(choices if isinstance(choices, list) else ())):
        usage: object = place.get("usage") if isinstance(place, dict) else None
        if isinstance(usage, dict):
            return usage
    return None


def _extraordinary(raw: Json, usage: Usage) -> None:
    """Adds counts that some servers report beside the details."""
    usage.cost_usd, usage.reported_usd = reported(raw)
    if usage.cached is None:
        # DeepSeek, Mistral and Moonshot, gateways in front of Anthropic.
        usage.cached = _counted(raw, "prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
    if usage.cache_write is None:
        usage.cache_write = count(raw.get("cache_creation_input_tokens"))
    lives = raw.get("cache_creation")
    if isinstance(lives, dict):
        usage.cache_write_1h = count(lives.get("ephemeral_1h_input_tokens"))
    if usage.reasoning is None:
        usage.reasoning = count(raw.get("reasoning_tokens"))
    heard = raw.get("prompt_audio_seconds")  # Mistral
    if isinstance(heard, int | float) and not isinstance(heard, bool) and 0 < heard <= LONGEST_S:
        usage.seconds = float(heard)
    if raw.get("service_tier") is not None:
        usage.tier = tier_of(raw["service_tier"])
    tools = raw.get("server_tool_use")
    searches = count(tools.get("web_search_requests")) if isinstance(tools, dict) else None
    if searches is None:
        searches = count(raw.get("num_search_queries"))  # Perplexity
    if searches:
        usage.uses = {"web_search": searches}
    if (cited := count(raw.get("citation_tokens"))) and usage.output is not None:
        # Perplexity counts them beside the answer.
        usage.citation, usage.output = cited, usage.output + cited


def _with_reasoning(raw: Json, usage: Usage, thought: int) -> None:
    """Adds reasoning to the output where it is counted beside it, as xAI does; the total shows it."""
    if usage.output is None:
        return
    total = count(raw.get("total_tokens"))
    beside = total is not None and total == (usage.input or 0) + usage.output + thought
    if beside or thought > usage.output:
        usage.output += thought


def _counted(raw: Json, *names: str) -> int | None:
    for name in names:
        number = count(raw.get(name))
        if number is not None:
            return number
    return None


def encode_usage(usage: Usage, cost: float | None) -> Json:
    """Returns the `usage` object; `cost` in dollars."""
    raw: Json = {
        "prompt_tokens": usage.input or 0,
        "completion_tokens": usage.output or 0,
        "total_tokens": (usage.input or 0) + (usage.output or 0),
    }
    prompt: Json = {
        "cached_tokens": usage.cached,
        "cache_write_tokens": usage.cache_write,
        "audio_tokens": usage.input_audio,
        "image_tokens": usage.input_image,
    }
    completion = {
        "reasoning_tokens": usage.reasoning,
        "audio_tokens": usage.output_audio,
        "image_tokens": usage.output_image,
    }
    for name, part in (("prompt_tokens_details", prompt), ("completion_tokens_details", completion)):
        counts = {key: value for key, value in part.items() if value is not None}
        if counts:
            raw[name] = counts
    if cost is not None:
        raw["cost"] = cost
    if usage.estimated:
        raw["estimated"] = True
    return raw
