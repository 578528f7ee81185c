"""Which fields of a dialect another vendor may do without, and which not: data.

A hint is about caches, storage, accounting, padding of streams, or about what the vendor's own servers do beside the
answer. A demand stands for part of the conversation, or for a form of the answer. Sources: the vendors' API references.
"""

from __future__ import annotations

from adapters.dialects.shared.strict import HINTS
from adapters.errors import Inexpressible

_COMMON = HINTS | {"betas", "moderation", "prediction", "web_search_options", "include_reasoning", "usage"}

_NOTHING_IS_STORED = "nothing is stored here, so send the whole conversation as `input`"

DEMANDS = {
    "previous_response_id": _NOTHING_IS_STORED,
    "conversation": _NOTHING_IS_STORED,
    "prompt": "the prompt is stored at OpenAI",
    "cachedContent": "the content is stored at Google",
    "tool_choice": "only the vendor itself has that tool",
    "audio": "the answer is to be spoken",
    "modalities": "the answer is to be no text",
    "functions": "",
    "guardrailConfig": "",
    "additionalModelRequestFields": "",
    "promptVariables": "",
    "documents": "",
}
"""Fields without which the answer would be another, and why nobody else can meet them; "" where that is plain."""

AGENTS = frozenset({"anthropic_messages", "openai_responses", "gemini"})
"""Dialects whose own clients send new fields with every version, unasked. There what isn't a demand is a hint."""


LACKS = {
    "anthropic_messages": ("metadata", "cache_key", "verbosity"),
    "gemini": ("user", "metadata", "cache_key", "verbosity"),
    "bedrock": ("user", "metadata", "cache_key", "verbosity"),
    "cohere": ("user", "metadata", "cache_key", "verbosity"),
    "openai_completions": ("verbosity",),
}
"""Settings of a canonical request that are hints, and for which a dialect has no field."""


def is_hint(field: str, dialect: str) -> bool:
    """Returns whether a vendor of another dialect may do without a field of `dialect`. Raises Inexpressible for a demand."""
    if field in _COMMON:
        return True
    if field in DEMANDS or dialect not in AGENTS:
        why = DEMANDS.get(field)
        raise Inexpressible(f"{field} ({why})" if why else field)
    return True
