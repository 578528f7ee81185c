"""From what a server calls a model to the names under which price lists may know it.

Each rule is a way in which vendors, deployments and routers write a name that a list holds otherwise. None leads to
another model: a fine-tuned model isn't its base, whose price is lower.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_DATE = re.compile(r"[-@](?:20\d{2}-?[01]\d-?[0-3]\d|latest|stable)(?=:|$)")
"""A dated name, as OpenAI (-2026-03-05), Anthropic (-20260305) and Vertex (@20260305) write it, or an alias."""

_RESOURCE = re.compile(r"^(?:.*/)?(?:models|publishers/[^/]+/models|foundation-model|inference-profile)/")
"""The path or the ARN before a name: Google's `models/…` and `publishers/google/models/…`, Bedrock's ARNs."""

_ROUTER_SUFFIX = re.compile(r":(?:online|nitro|floor|exacto|extended|thinking|beta)$")
"""OpenRouter's ways of choosing a server; they don't change the model's price."""

FREE_SUFFIX = ":free"
"""OpenRouter's models under this suffix cost nothing: https://openrouter.ai/docs/faq"""


def spellings(provider: str, model: str) -> Iterator[str]:
    """Yields the names to look for in the list of `provider` (a genai-prices id), the most exact first."""
    seen = set()
    for name in _spellings(provider, model):
        if name and name not in seen:
            seen.add(name)
            yield name


def _spellings(provider: str, model: str) -> Iterator[str]:
    yield model
    plain = _ROUTER_SUFFIX.sub("", _RESOURCE.sub("", model))
    yield plain
    # The provider's own name before the model's, as routers and their clients write it.
    head, slash, rest = plain.partition("/")
    named = rest if slash and head.lower() in _PREFIXES.get(provider, (provider,)) else ""
    yield named
    for name in (plain, named):
        yield _DATE.sub("", name)


_PREFIXES: dict[str, tuple[str, ...]] = {
    "openai": ("openai",),
    "azure": ("azure", "openai", "azure_openai", "azure_ai"),
    "anthropic": ("anthropic",),
    "google": ("google", "gemini", "vertex_ai", "vertex", "google-vertex"),
    "aws": ("bedrock", "aws", "amazon-bedrock", "converse"),
    "x-ai": ("xai", "x-ai"),
    "mistral": ("mistral", "mistralai"),
    "deepseek": ("deepseek",),
    "cohere": ("cohere",),
    "groq": ("groq",),
    "together": ("together", "together_ai", "togetherai"),
    "fireworks": ("fireworks", "fireworks_ai"),
    "openrouter": ("openrouter",),
    "perplexity": ("perplexity",),
    "moonshotai": ("moonshotai", "moonshot"),
}
"""What stands before a slash where a name says at whom: a list's id → the words that mean it."""
