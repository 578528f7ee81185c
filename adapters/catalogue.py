"""Every model that genai-prices knows, with its family, context window and what it can do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from genai_prices import data_snapshot

_FAMILIES: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("gpt", r"(^|/)(gpt|chatgpt)-(4o|4\.1|5)", frozenset({"tools", "images", "json_schema"})),
    ("openai-o", r"(^|/)o[1-9]($|-)", frozenset({"tools", "images", "json_schema", "reasoning"})),
    ("claude", r"claude", frozenset({"tools", "images", "json_schema"})),
    ("gemini", r"gemini", frozenset({"tools", "images", "json_schema", "audio", "reasoning"})),
    ("deepseek-reasoner", r"deepseek-(reasoner|r1)", frozenset({"json_schema", "reasoning", "tools"})),
    ("deepseek", r"deepseek", frozenset({"tools", "json_schema"})),
    ("qwen-vl", r"qwen[^/]*-?(vl|omni)", frozenset({"tools", "images", "json_schema"})),
    ("qwen", r"qw[eq]n", frozenset({"tools", "json_schema"})),
    ("grok", r"grok", frozenset({"tools", "images", "json_schema"})),
    ("pixtral", r"pixtral", frozenset({"tools", "images", "json_schema"})),
    ("mistral", r"mistral|ministral|magistral|codestral|mixtral", frozenset({"tools", "json_schema"})),
    ("command", r"command", frozenset({"tools", "json_schema"})),
    ("llama-4", r"llama-?4", frozenset({"tools", "images", "json_schema"})),
    ("llama", r"llama", frozenset({"tools", "json_schema"})),
)
"""(family, pattern of the model's name, what its models can do); the first that fits."""

_COMPILED = tuple((family, re.compile(pattern, re.IGNORECASE), able) for family, pattern, able in _FAMILIES)


@dataclass(frozen=True, slots=True)
class Model:
    """A known model. `capabilities` is None where the family is unknown: then nothing is ruled out."""

    provider: str
    name: str
    family: str
    context_window: int | None
    capabilities: frozenset[str] | None


@lru_cache(maxsize=8192)
def find(provider: str, model: str) -> Model | None:
    """Returns what is known of `model` at `provider` (genai-prices' id), or None."""
    try:
        _, info = data_snapshot.get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return _model(provider, model, info.context_window)


def search(words: str) -> Iterator[Model]:
    """Yields the models whose `provider/name` holds every word, in the catalogue's order."""
    wanted = words.lower().split()
    for provider in data_snapshot.get_snapshot().providers:
        for info in provider.models:
            if all(word in f"{provider.id}/{info.id}".lower() for word in wanted):
                yield _model(provider.id, info.id, info.context_window)


def _model(provider: str, name: str, window: int | None) -> Model:
    for family, pattern, able in _COMPILED:
        if pattern.search(name):
            return Model(provider, name, family, window, able)
    return Model(provider, name, "", window, None)
